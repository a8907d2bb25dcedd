import { badValue, lengthMismatch, noSamples, tooManySamples } from "./errors.ts";
import { type JsonObject, jsonField, jsonNumber, jsonNumbers, jsonSafe } from "./json.ts";
import type { NpyInput } from "./npy.ts";
import type { Npz } from "./npz.ts";
import type { DecodeSamples, PrefillSamples } from "./types.ts";

/** Where arrays come from, whatever the file: an npz, an object of JSON arrays. */
export interface ArraySource {
  where: string;
  numbers(key: string): number[];
  scalar(key: string): number;
}

/** The names that the SLA profiler of Dynamo gives its arrays, in the order in which it writes them. */
export const PREFILL_KEYS = ["prefill_isl", "prefill_ttft", "prefill_thpt_per_gpu"] as const;
export const DECODE_KEYS = ["x_kv_usage", "y_context_length", "z_itl", "z_thpt_per_gpu", "max_kv_tokens"] as const;

/** Far above any sweep; what is larger is no profile. */
const MAX_SAMPLES = 10_000;
const MAX_TOKENS = 1e12;
const MAX_KV_USAGE = 100;

/** @throws UserError where arrays are missing, not numbers, or of the wrong shape */
export function npzSource(npz: Npz, where: string): ArraySource {
  return {
    where,
    numbers: (key) => Array.from(npz.numbers(key, 1).data),
    scalar: (key) => {
      const array = npz.get(key);
      const value = array.data[0];
      if (array.data.length !== 1 || typeof value !== "number") {
        throw badValue(`${where}:${key}`, Array.from(array.data as Float64Array), "exactly one number");
      }
      return value;
    },
  };
}

/** @throws UserError where arrays are missing or hold something else than numbers */
export function jsonSource(object: JsonObject, where: string): ArraySource {
  return {
    where,
    numbers: (key) => jsonNumbers(object, key, where),
    scalar: (key) => {
      const value = jsonField(object, key, where);
      if (!Array.isArray(value)) return jsonNumber(value, `${where}.${key}`);
      if (value.length !== 1) throw badValue(`${where}.${key}`, value, "exactly one number");
      return jsonNumber(value[0], `${where}.${key}[0]`);
    },
  };
}

/** Prefill samples, sorted by ISL. @throws UserError */
export function readPrefill(source: ArraySource): PrefillSamples {
  const [isl, ttftMs, throughputPerGpu] = PREFILL_KEYS.map((key) => source.numbers(key)) as [
    number[],
    number[],
    number[],
  ];
  return checkedPrefill({ isl, ttftMs, throughputPerGpu }, source.where);
}

/** Decode samples, in the file's order. @throws UserError */
export function readDecode(source: ArraySource): DecodeSamples {
  const [kvUsage, contextLength, itlMs, throughputPerGpu] = DECODE_KEYS.slice(0, 4).map((key) =>
    source.numbers(key),
  ) as [number[], number[], number[], number[]];
  const maxKvTokens = source.scalar("max_kv_tokens");
  return checkedDecode({ kvUsage, contextLength, itlMs, throughputPerGpu, maxKvTokens }, source.where);
}

/**
 * What every profile must be, whatever its quality: at least one sample, equal lengths, usable coordinates. Measured
 * values may be NaN or negative here; `validateProfile` says so.
 * @throws UserError PROFILES_EMPTY, PROFILES_LENGTH_MISMATCH, PROFILES_BAD_VALUE
 */
export function checkedPrefill(samples: PrefillSamples, where: string): PrefillSamples {
  const { isl, ttftMs, throughputPerGpu } = samples;
  checkLengths({ isl, ttftMs, throughputPerGpu }, "prefill", where);
  isl.forEach((value, i) => {
    if (!(value >= 0 && value <= MAX_TOKENS)) throw badValue(`${where}: ISL of sample ${i}`, value, "tokens, ≥ 0");
  });
  const order = isl.map((_, i) => i).sort((a, b) => isl[a]! - isl[b]! || a - b);
  const sorted = (values: number[]): number[] => order.map((i) => values[i]!);
  return { isl: sorted(isl), ttftMs: sorted(ttftMs), throughputPerGpu: sorted(throughputPerGpu) };
}

/** As `checkedPrefill`, for decode. @throws UserError */
export function checkedDecode(samples: DecodeSamples, where: string): DecodeSamples {
  const { kvUsage, contextLength, itlMs, throughputPerGpu, maxKvTokens } = samples;
  checkLengths({ kvUsage, contextLength, itlMs, throughputPerGpu }, "decode", where);
  kvUsage.forEach((value, i) => {
    if (!(value >= 0 && value <= MAX_KV_USAGE)) {
      throw badValue(`${where}: KV usage of sample ${i}`, value, "a share of the KV cache, 0 to 1");
    }
  });
  contextLength.forEach((value, i) => {
    if (!(value >= 1 && value <= MAX_TOKENS)) {
      throw badValue(`${where}: context length of sample ${i}`, value, "tokens, ≥ 1");
    }
  });
  if (!(maxKvTokens >= 1 && maxKvTokens <= MAX_TOKENS)) {
    throw badValue(
      `${where}: max_kv_tokens`,
      maxKvTokens,
      "the KV capacity of one engine in tokens, ≥ 1",
      "the profiler writes 0 when it does not find the capacity in the engine's log",
    );
  }
  return samples;
}

export function prefillToNpy(samples: PrefillSamples): Record<string, NpyInput> {
  const shape = [samples.isl.length];
  const isInteger = samples.isl.every(Number.isSafeInteger);
  return {
    prefill_isl: { dtype: isInteger ? "<i8" : "<f8", shape, data: samples.isl },
    prefill_ttft: { dtype: "<f8", shape, data: samples.ttftMs },
    prefill_thpt_per_gpu: { dtype: "<f8", shape, data: samples.throughputPerGpu },
  };
}

export function decodeToNpy(samples: DecodeSamples): Record<string, NpyInput> {
  const shape = [samples.kvUsage.length];
  const isInteger = Number.isSafeInteger(samples.maxKvTokens);
  return {
    x_kv_usage: { dtype: "<f8", shape, data: samples.kvUsage },
    y_context_length: { dtype: "<f8", shape, data: samples.contextLength },
    z_itl: { dtype: "<f8", shape, data: samples.itlMs },
    z_thpt_per_gpu: { dtype: "<f8", shape, data: samples.throughputPerGpu },
    max_kv_tokens: { dtype: isInteger ? "<i8" : "<f8", shape: [1], data: [samples.maxKvTokens] },
  };
}

export function prefillToJson(samples: PrefillSamples): JsonObject {
  return {
    prefill_isl: jsonSafe(samples.isl),
    prefill_ttft: jsonSafe(samples.ttftMs),
    prefill_thpt_per_gpu: jsonSafe(samples.throughputPerGpu),
  };
}

export function decodeToJson(samples: DecodeSamples): JsonObject {
  return {
    x_kv_usage: jsonSafe(samples.kvUsage),
    y_context_length: jsonSafe(samples.contextLength),
    z_itl: jsonSafe(samples.itlMs),
    z_thpt_per_gpu: jsonSafe(samples.throughputPerGpu),
    max_kv_tokens: samples.maxKvTokens,
  };
}

function checkLengths(arrays: Readonly<Record<string, number[]>>, what: string, where: string): void {
  const lengths = Object.fromEntries(Object.entries(arrays).map(([key, values]) => [key, values.length]));
  const distinct = new Set(Object.values(lengths));
  if (distinct.size > 1) throw lengthMismatch(where, lengths);
  if (distinct.has(0)) throw noSamples(where, what);
  for (const length of distinct) if (length > MAX_SAMPLES) throw tooManySamples(where, length, MAX_SAMPLES);
}
