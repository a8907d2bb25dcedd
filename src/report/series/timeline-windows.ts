import type { Timeline } from "#src/record";

/** A column of the timeline, thinned to at most `most` points. */
export interface ThinColumn {
  /** Middle of each group of windows, ms. */
  atMs: number[];
  mean: number[];
  max: number[];
}

/** Joins neighbouring windows into groups: mean and maximum of each. */
export function thinColumn(timeline: Timeline, column: number[], most: number): ThinColumn {
  const perGroup = Math.max(1, Math.ceil(column.length / most));
  const thin: ThinColumn = { atMs: [], mean: [], max: [] };
  for (let start = 0; start < column.length; start += perGroup) {
    const end = Math.min(column.length, start + perGroup);
    let sum = 0;
    let max = Number.NEGATIVE_INFINITY;
    for (let i = start; i < end; i++) {
      sum += column[i]!;
      max = Math.max(max, column[i]!);
    }
    thin.atMs.push((timeline.startMs[start]! + timeline.startMs[end - 1]! + timeline.windowMs) / 2);
    thin.mean.push(sum / (end - start));
    thin.max.push(max);
  }
  return thin;
}
