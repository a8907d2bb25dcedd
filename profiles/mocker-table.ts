import { badShape, badValue, lengthMismatch } from "./errors.ts";
import type { Npz } from "./npz.ts";
import { encodeNpz } from "./npz.ts";
import type { MockerTable } from "./types.ts";

/** Arrays of Dynamo's mocker table, in the order in which its converter writes them. */
export const MOCKER_KEYS = [
  "prefill_isl",
  "prefill_ttft_ms",
  "decode_active_kv_tokens",
  "decode_context_length",
  "decode_itl",
] as const;

const MAX_AXIS = 4096;
const MAX_TOKENS = 1e12;

/** True where the npz holds a mocker table. */
export function isMockerTable(npz: Npz): boolean {
  return npz.has("prefill_ttft_ms") || npz.has("decode_active_kv_tokens");
}

/**
 * Reads a mocker table. Axes must be finite and strictly increasing, as the mocker's interpolation needs them.
 * @throws UserError
 */
export function decodeMockerTable(npz: Npz, where: string): MockerTable {
  const [prefillIsl, prefillTtftMs, decodeActiveKvTokens, decodeContextLength] = MOCKER_KEYS.slice(0, 4).map((key) =>
    Array.from(npz.numbers(key, 1).data),
  ) as [number[], number[], number[], number[]];
  const itl = npz.numbers("decode_itl", 2);
  const rows = decodeActiveKvTokens.length;
  const columns = decodeContextLength.length;
  if (prefillIsl.length !== prefillTtftMs.length) {
    throw lengthMismatch(where, { prefill_isl: prefillIsl.length, prefill_ttft_ms: prefillTtftMs.length });
  }
  if (itl.shape[0] !== rows || itl.shape[1] !== columns) {
    throw badShape(`${where}:decode_itl`, itl.shape, `(${rows}, ${columns}): active KV tokens × context lengths`);
  }
  checkAxis(prefillIsl, `${where}:prefill_isl`);
  checkAxis(decodeActiveKvTokens, `${where}:decode_active_kv_tokens`);
  checkAxis(decodeContextLength, `${where}:decode_context_length`);
  checkFinite(prefillTtftMs, `${where}:prefill_ttft_ms`);
  checkFinite(itl.data, `${where}:decode_itl`);
  const decodeItlMs: number[][] = [];
  for (let r = 0; r < rows; r++) decodeItlMs.push(Array.from(itl.data.subarray(r * columns, (r + 1) * columns)));
  return { prefillIsl, prefillTtftMs, decodeActiveKvTokens, decodeContextLength, decodeItlMs };
}

/** A mocker table as numpy's `savez` writes it, all float64. */
export function encodeMockerTable(table: MockerTable): Uint8Array {
  const vector = (data: number[]) => ({ dtype: "<f8" as const, shape: [data.length], data });
  return encodeNpz({
    prefill_isl: vector(table.prefillIsl),
    prefill_ttft_ms: vector(table.prefillTtftMs),
    decode_active_kv_tokens: vector(table.decodeActiveKvTokens),
    decode_context_length: vector(table.decodeContextLength),
    decode_itl: {
      dtype: "<f8",
      shape: [table.decodeActiveKvTokens.length, table.decodeContextLength.length],
      data: table.decodeItlMs.flat(),
    },
  });
}

function checkAxis(values: readonly number[], where: string): void {
  if (values.length < 2) throw badShape(where, [values.length], "at least 2 points on an axis");
  if (values.length > MAX_AXIS) throw badShape(where, [values.length], `at most ${MAX_AXIS} points on an axis`);
  checkFinite(values, where);
  values.forEach((value, i) => {
    if (value < 0 || value > MAX_TOKENS) throw badValue(`${where}[${i}]`, value, "tokens, ≥ 0");
    if (i > 0 && value <= values[i - 1]!) throw badValue(`${where}[${i}]`, value, `more than ${values[i - 1]}`);
  });
}

function checkFinite(values: ArrayLike<number>, where: string): void {
  for (let i = 0; i < values.length; i++) {
    if (!Number.isFinite(values[i])) throw badValue(`${where}[${i}]`, values[i], "a finite number of ms or tokens");
  }
}
