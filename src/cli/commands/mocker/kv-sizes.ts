import { parseBytesPerSecond } from "#common";
import type { KvOffload } from "#mocker/engine";
import { badFlag, contradiction } from "./errors.ts";
import type { MockerFlags } from "./flags.ts";
import { kvBytesPerToken } from "./kv-bytes.ts";
import { sourceKvBytes, type TimingSource } from "./timing.ts";

/** Of a transfer between workers by default, as Dynamo has it; and what a PCIe 5.0 x16 link carries one way. */
const DEFAULT_GB_PER_SECOND = 64;
/** KV of Llama 3.1 8B in bf16 (32 layers × 2 × 8 heads × 128 × 2 bytes), where nothing says another size. */
export const DEFAULT_KV_BYTES_PER_TOKEN = 131_072;

/** KV of a token, bytes; null where nothing says it. */
export function knownKvBytes(flags: MockerFlags, source: TimingSource): number | null {
  return (
    flags.kvBytesPerToken ??
    sourceKvBytes(source) ??
    (flags.modelPath === undefined ? null : kvBytesPerToken(flags.modelPath, flags.kvCacheDtype ?? "auto"))
  );
}

/** Bytes per second of a rate; a bare number is GB/s, as Dynamo has it. @throws UserError MOCKER_BAD_FLAG */
export function bytesPerSecondOf(flag: string, rate: string = String(DEFAULT_GB_PER_SECOND)): number {
  const bare = Number(rate);
  const isBare = rate.trim() !== "" && Number.isFinite(bare);
  const bytesPerSecond = isBare ? bare * 1e9 : parseBytesPerSecond(rate, flag);
  if (bytesPerSecond < 0) throw badFlag(flag, rate, "a rate of 0 or more");
  return bytesPerSecond;
}

/** Host memory behind the KV cache of each data-parallel rank; null: none. @throws UserError MOCKER_… */
export function kvOffloadOf(flags: MockerFlags, source: TimingSource, blockSize: number): KvOffload | null {
  const { kvOffloadingSize, kvOffloadingBandwidth, kvOffloadingBackend } = flags;
  if (kvOffloadingSize === undefined) {
    const other =
      kvOffloadingBandwidth === undefined
        ? kvOffloadingBackend && "--kv-offloading-backend"
        : "--kv-offloading-bandwidth";
    if (other === undefined) return null;
    throw contradiction(other, "nothing is offloaded", "--kv-offloading-size says how much host memory there is");
  }
  const bytesPerSecond = bytesPerSecondOf("--kv-offloading-bandwidth", kvOffloadingBandwidth);
  if (bytesPerSecond === 0) throw badFlag("--kv-offloading-bandwidth", kvOffloadingBandwidth!, "a rate above 0");
  const bytesPerBlock = (knownKvBytes(flags, source) ?? DEFAULT_KV_BYTES_PER_TOKEN) * blockSize;
  const hostBlocks = Math.floor((kvOffloadingSize * 2 ** 30) / bytesPerBlock);
  if (hostBlocks === 0) {
    throw badFlag("--kv-offloading-size", kvOffloadingSize, `room for a block of ${bytesPerBlock} bytes, in GiB`);
  }
  return { hostBlocks, bytesPerBlock, bytesPerSecond };
}
