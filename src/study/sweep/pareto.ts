import type { Goal } from "./goal.ts";

/** Measures of something, by name; absent where there is no sample. */
export type Measures = Readonly<Record<string, number>>;

/**
 * Indices of those that nobody beats: no other one is at least as good in every goal and better in one. In their given order; those
 * that lack a measure are left out.
 */
export function paretoFront(all: readonly Measures[], goals: readonly Goal[]): number[] {
  const points = all.map((measures) =>
    goals.map(({ measure, direction }) => {
      const value = measures[measure] ?? Number.NaN;
      return direction === "max" ? value : -value;
    }),
  );
  const beats = (a: readonly number[], b: readonly number[]) =>
    a.every((value, g) => value >= b[g]!) && a.some((value, g) => value > b[g]!);
  const whole = points.flatMap((point, i) => (point.every(Number.isFinite) ? [i] : []));
  return whole.filter((i) => !whole.some((j) => beats(points[j]!, points[i]!)));
}
