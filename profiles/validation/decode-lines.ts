import type { DecodeSamples } from "../types.ts";

/** The samples of one context length, by load. */
export interface DecodeLine {
  contextLength: number;
  points: DecodePoint[];
}

export interface DecodePoint {
  kvUsage: number;
  /** Requests that decode together, as the profile has it. */
  batch: number;
  itlMs: number;
  throughputPerGpu: number;
}

/** Decode samples as lines of constant context length, shortest context first. */
export function decodeLines(samples: DecodeSamples): DecodeLine[] {
  const lines = new Map<number, DecodePoint[]>();
  samples.contextLength.forEach((contextLength, i) => {
    const kvUsage = samples.kvUsage[i]!;
    const points = lines.get(contextLength) ?? [];
    lines.set(contextLength, points);
    points.push({
      kvUsage,
      batch: (kvUsage * samples.maxKvTokens) / contextLength,
      itlMs: samples.itlMs[i]!,
      throughputPerGpu: samples.throughputPerGpu[i]!,
    });
  });
  return [...lines]
    .map(([contextLength, points]) => ({ contextLength, points: points.sort((a, b) => a.kvUsage - b.kvUsage) }))
    .sort((a, b) => a.contextLength - b.contextLength);
}
