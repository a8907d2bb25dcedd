import type { DecodeSamples, PrefillSamples } from "./types.ts";

/** One sample an ISL: duplicates become their mean. Samples stay ascending. */
export function mergePrefillDuplicates(samples: PrefillSamples): PrefillSamples {
  const groups = groupIndices(samples.isl.map(String));
  const merged = (values: number[]): number[] => groups.map((indices) => meanAt(values, indices));
  return {
    isl: merged(samples.isl),
    ttftMs: merged(samples.ttftMs),
    throughputPerGpu: merged(samples.throughputPerGpu),
  };
}

/** One sample a point (KV usage, context length): duplicates become their mean. The order of first appearance is kept. */
export function mergeDecodeDuplicates(samples: DecodeSamples): DecodeSamples {
  const groups = groupIndices(samples.kvUsage.map((kvUsage, i) => `${kvUsage} ${samples.contextLength[i]}`));
  const merged = (values: number[]): number[] => groups.map((indices) => meanAt(values, indices));
  return {
    kvUsage: merged(samples.kvUsage),
    contextLength: merged(samples.contextLength),
    itlMs: merged(samples.itlMs),
    throughputPerGpu: merged(samples.throughputPerGpu),
    maxKvTokens: samples.maxKvTokens,
  };
}

function groupIndices(keys: readonly string[]): number[][] {
  const groups = new Map<string, number[]>();
  keys.forEach((key, i) => {
    const group = groups.get(key);
    if (group) group.push(i);
    else groups.set(key, [i]);
  });
  return [...groups.values()];
}

function meanAt(values: readonly number[], indices: readonly number[]): number {
  if (indices.length === 1) return values[indices[0]!]!;
  return indices.reduce((sum, i) => sum + values[i]!, 0) / indices.length;
}
