import { describe, expect, it } from "vitest";
import { parseDynosimCase } from "../../../src/conformance/dynosim/case.ts";
import { dynosimRecords } from "../../../src/conformance/dynosim/records.ts";
import { replayDynosimCase } from "../../../src/conformance/dynosim/run.ts";
import { caseFolder, madeCase, type TraceLine, writeTrace } from "./made-case.ts";

const folder = caseFolder();
const BLOCK = 16;
const FIXED = { type: "fixed", prefill_ms: 10, decode_ms: 3 };

interface Parts {
  prefill?: Record<string, unknown>;
  decode?: Record<string, unknown>;
  engine?: Record<string, unknown>;
  kwargs?: Record<string, unknown>;
}

/** What becomes of each request, by both engines, in order of arrival. */
function replay(lines: TraceLine[], { prefill = {}, decode = {}, engine = {}, kwargs = {} }: Parts = {}) {
  const trace = writeTrace(folder, `${JSON.stringify([lines, prefill, decode, engine]).length}.jsonl`, lines);
  const made = madeCase(
    { trace_files: trace },
    { kwargs, engine: { backend: "sglang", timing_model: FIXED, ...engine }, pools: { prefill, decode } },
  );
  const [skipping, stepping] = (["skipping", "stepping"] as const).map((kind) => {
    const { result, workload } = replayDynosimCase(parseDynosimCase(made, `${folder}/made.json`), kind);
    return dynosimRecords(result, workload);
  });
  expect(skipping).toEqual(stepping);
  return skipping!;
}

const alone = (timestamp: number, blocks: number, output_length: number, first: number): TraceLine => ({
  timestamp,
  input_length: blocks * BLOCK,
  output_length,
  hash_ids: Array.from({ length: blocks }, (_, block) => first + block),
});

describe("SGLang where prefill and decode are apart", () => {
  it("has pages on a decode worker before a prompt is computed, and sends it as soon as it is", () => {
    const transfer = { kv_transfer_bandwidth: 1, kv_transfer_bytes_per_token: 62_500 };
    const [only] = replay([alone(0, 1, 2, 0)], { engine: transfer });
    expect(only).toMatchObject({
      destination_reserved_ms: 0,
      prefill_admit_ms: 0,
      source_held_ms: 10,
      destination_activated_ms: 11,
      decode_admit_ms: 11,
      first_token_ms: 14,
    });
  });

  it("computes no prompt while the decode worker has no pages for it", () => {
    // Eight pages hold one prompt of five and what comes out of it.
    const [first, second] = replay([alone(0, 5, 4, 0), alone(1, 5, 4, 100)], { decode: { num_gpu_blocks: 8 } });
    expect(first!.last_token_ms).toBe(22);
    expect(second).toMatchObject({ destination_reserved_ms: 22, prefill_admit_ms: 22 });
  });

  it("reserves without a seat, and seats requests as their prompts come", () => {
    const lines = [alone(0, 1, 8, 0), alone(1, 8, 2, 100), alone(2, 1, 2, 200)];
    const slow = { kv_transfer_bandwidth: 1, kv_transfer_bytes_per_token: 62_500 };
    const [, long, short] = replay(lines, { engine: slow, decode: { max_num_seqs: 1 } });
    expect([long!.destination_reserved_ms, short!.destination_reserved_ms]).toEqual([1, 2]);
    // Both were computed in one pass; the longer one's transfer takes longer.
    expect(long!.source_held_ms).toBe(short!.source_held_ms);
    expect(short!.decode_admit_ms).toBeLessThan(long!.decode_admit_ms!);
  });

  it("shares what a prefill worker has computed once it has been transferred", () => {
    const lines = [alone(0, 4, 2, 0), { ...alone(5, 6, 2, 0) }];
    const slow = { kv_transfer_bandwidth: 1, kv_transfer_bytes_per_token: 62_500 };
    expect(replay(lines, { engine: slow })[1]!.reused_input_tokens).toBe(0);
    expect(replay(lines)[1]!.reused_input_tokens).toBe(4 * BLOCK);
  });

  it("ends transfers of one instant in the order of their reservations, those that take no time as they are told", () => {
    // The first and third prefill worker's prompts end together; so do their transfers.
    const lines = [alone(0, 2, 2, 0), alone(0, 2, 2, 100), alone(0, 2, 2, 200)];
    const slow = { kv_transfer_bandwidth: 1, kv_transfer_bytes_per_token: 31_250 };
    const seats = { kwargs: { num_prefill_workers: 2 }, decode: { max_num_seqs: 1 } };
    const seated = (engine: Record<string, unknown>) =>
      replay(lines, { ...seats, engine }).map(({ decode_admit_ms }) => decode_admit_ms);
    const inOrder = seated(slow);
    expect(inOrder).toEqual([...inOrder].sort((a, b) => a! - b!));
    // The first worker ends its pass with two of them before the second ends its own.
    const [first, second, third] = seated({});
    expect(first).toBeLessThan(third!);
    expect(third).toBeLessThan(second!);
  });

  it("tries a reservation that found no room again once pages have come back, also those that others had published", () => {
    // Two that share three pages of four; their copies become one as the second's prompt comes.
    const twins = [
      { ...alone(0, 4, 20, 0) },
      { timestamp: 0, input_length: 4 * BLOCK, output_length: 20, hash_ids: [0, 1, 2, 50] },
    ];
    const third = alone(1, 6, 2, 100);
    const decode = { num_gpu_blocks: 13 };
    const [first, second, last] = replay([...twins, third], { decode });
    expect(last!.destination_reserved_ms).toBe(
      Math.max(first!.destination_activated_ms!, second!.destination_activated_ms!),
    );
  });

  it("tries it again for nothing less, not even for prefixes that it could share by then", () => {
    const lines = [
      alone(0, 4, 6, 0),
      { timestamp: 1, input_length: 4 * BLOCK, output_length: 2, hash_ids: [0, 1, 2, 50] },
    ];
    const [first, second] = replay(lines, { decode: { num_gpu_blocks: 7 } });
    expect(second!.destination_reserved_ms).toBe(first!.last_token_ms);
  });
});
