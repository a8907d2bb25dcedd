import type { DecodePoint } from "../sampling.ts";
import type { MeasuredPoint } from "./interpolate.ts";

/**
 * One more load for each context length: halfway into the wider of the two gaps around the load at which ITL bends most, which is
 * where its second difference over unequal steps is largest. None where no whole number (of each rank) is left between.
 */
export function inflectionPoints(
  measured: readonly MeasuredPoint[],
  attentionDp: number,
  maxKvTokens: number,
): DecodePoint[] {
  const lines = new Map<number, MeasuredPoint[]>();
  for (const point of measured) lines.set(point.isl, [...(lines.get(point.isl) ?? []), point]);
  return [...lines.values()].flatMap((line) => {
    const requests = halfway(line, attentionDp);
    if (requests === undefined) return [];
    const { isl, osl, contextLength } = line[0]!;
    return [{ isl, osl, requests, contextLength, kvUsage: (contextLength * requests) / maxKvTokens }];
  });
}

function halfway(line: readonly MeasuredPoint[], step: number): number | undefined {
  const bends = line.slice(1, -1).map((point, i) => ({ at: i + 1, size: bend(line[i]!, point, line[i + 2]!) }));
  for (const { at } of bends.toSorted((a, b) => b.size - a.size)) {
    const gaps = [at - 1, at].map((i) => ({ from: line[i]!.requests, to: line[i + 1]!.requests }));
    for (const { from, to } of gaps.toSorted((a, b) => b.to - b.from - (a.to - a.from))) {
      const middle = from + Math.floor((to - from) / 2 / step) * step;
      if (middle > from) return middle;
    }
  }
  return undefined;
}

/** Change of slope around the middle of three points, ms/request. */
function bend(before: MeasuredPoint, at: MeasuredPoint, after: MeasuredPoint): number {
  const left = (at.itlMs - before.itlMs) / (at.requests - before.requests);
  const right = (after.itlMs - at.itlMs) / (after.requests - at.requests);
  return Math.abs(right - left);
}
