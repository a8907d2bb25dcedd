import { badShape, badValue, lengthMismatch } from "./errors.ts";
import type { Npz } from "./npz.ts";
import { encodeNpz } from "./npz.ts";
import type { MockerTable, Profile, Surface } from "./types.ts";

/** Arrays of Dynamo's mocker table, in the order in which its converter writes them. */
export const MOCKER_KEYS = [
  "prefill_isl",
  "prefill_ttft_ms",
  "decode_active_kv_tokens",
  "decode_context_length",
  "decode_itl",
] as const;

/** Contexts and loads that a profile made from a table keeps of each axis: as fine as a profiler's own sweep or finer. */
const CONTEXTS_KEPT = 10;
const LOADS_KEPT = 9;
const ISLS_KEPT = 25;

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

/**
 * The mocker table of a profile on the axes that Dynamo's own converter uses: ISL over the measured range, active KV tokens from 0
 * to the highest measured load, context length from 1 to the longest measured; values from the given surfaces. At a cell of fewer
 * KV tokens than one context (less than one request), the load of one request is read: the engine cannot decode fewer.
 * @param resolution points on each axis, ≥ 2
 */
export function profileToMockerTable(profile: Profile, surface: Surface, resolution = 100): MockerTable {
  if (!Number.isInteger(resolution) || resolution < 2 || resolution > 1000) {
    throw badValue("resolution", resolution, "an integer between 2 and 1000");
  }
  const { isl } = profile.prefill;
  const { kvUsage, contextLength, maxKvTokens } = profile.decode;
  const prefillIsl = linspace(isl[0]!, isl.at(-1)!, resolution);
  const decodeActiveKvTokens = linspace(0, maxKvTokens * Math.max(...kvUsage), resolution);
  const decodeContextLength = linspace(1, Math.max(...contextLength), resolution);
  return {
    prefillIsl,
    prefillTtftMs: prefillIsl.map((tokens) => surface.ttftMs(tokens)),
    decodeActiveKvTokens,
    decodeContextLength,
    decodeItlMs: decodeActiveKvTokens.map((kvTokens) =>
      decodeContextLength.map((context) => surface.itlMs(Math.max(kvTokens, context) / maxKvTokens, context)),
    ),
  };
}

/**
 * A profile from a mocker table, as far as that carries: the table says nothing of GPUs, of throughput or of the KV capacity, so
 * the capacity is taken as the table's last load, throughput as batch ÷ ITL of an engine of one GPU, and the provenance says so.
 * Cells of less than one request are left out.
 */
export function mockerTableToProfile(table: MockerTable, name: string): Profile {
  const maxKvTokens = table.decodeActiveKvTokens.at(-1)!;
  const prefillAt = thinned(table.prefillIsl.length, ISLS_KEPT).filter((i) => table.prefillIsl[i]! > 0);
  const isl = prefillAt.map((i) => table.prefillIsl[i]!);
  const ttftMs = prefillAt.map((i) => table.prefillTtftMs[i]!);
  const decode = {
    kvUsage: [] as number[],
    contextLength: [] as number[],
    itlMs: [] as number[],
    throughputPerGpu: [] as number[],
    maxKvTokens,
  };
  for (const column of thinned(table.decodeContextLength.length, CONTEXTS_KEPT)) {
    const context = table.decodeContextLength[column]!;
    if (context <= 1) continue;
    const usable = table.decodeActiveKvTokens.map((kv, row) => ({ kv, row })).filter(({ kv }) => kv >= context);
    for (const at of thinned(usable.length, LOADS_KEPT)) {
      const { kv, row } = usable[at]!;
      const itlMs = table.decodeItlMs[row]![column]!;
      decode.kvUsage.push(kv / maxKvTokens);
      decode.contextLength.push(context);
      decode.itlMs.push(itlMs);
      decode.throughputPerGpu.push((1000 * kv) / context / itlMs);
    }
  }
  return {
    name,
    prefill: { isl, ttftMs, throughputPerGpu: isl.map((tokens, i) => (1000 * tokens) / ttftMs[i]!) },
    decode,
    provenance: {
      source: "converted",
      note:
        "Converted from a mocker table. Lost there: measured samples (these are cells of a fitted table), GPUs per engine and measured " +
        "throughput (here: batch ÷ ITL of an engine of one GPU) and the KV capacity (here: the table's highest load).",
    },
  };
}

export function linspace(from: number, to: number, count: number): number[] {
  const step = (to - from) / (count - 1);
  return Array.from({ length: count }, (_, i) => (i === count - 1 ? to : from + i * step));
}

/** At most `keep` indices of 0..count-1, evenly spread, both ends among them. */
function thinned(count: number, keep: number): number[] {
  if (count <= keep) return Array.from({ length: count }, (_, i) => i);
  return Array.from({ length: keep }, (_, i) => Math.round((i * (count - 1)) / (keep - 1)));
}

function checkAxis(values: readonly number[], where: string): void {
  if (values.length < 2) throw badShape(where, [values.length], "at least 2 points on an axis");
  checkFinite(values, where);
  values.forEach((value, i) => {
    if (value < 0) throw badValue(`${where}[${i}]`, value, "tokens, ≥ 0");
    if (i > 0 && value <= values[i - 1]!) throw badValue(`${where}[${i}]`, value, `more than ${values[i - 1]}`);
  });
}

function checkFinite(values: ArrayLike<number>, where: string): void {
  for (let i = 0; i < values.length; i++) {
    if (!Number.isFinite(values[i])) throw badValue(`${where}[${i}]`, values[i], "a finite number of ms or tokens");
  }
}
