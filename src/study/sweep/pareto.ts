import type { Goal } from "./goal.ts";

/** Measures of something, by name; absent where there is no sample. */
type Measures = Readonly<Record<string, number>>;

/**
 * Indices of those that nobody beats: no other one is at least as good in both goals and better in one. In their given order; those
 * that lack a measure are left out.
 */
export function paretoFront(all: readonly Measures[], [first, second]: readonly [Goal, Goal]): number[] {
  const worth = (measures: Measures, { measure, direction }: Goal) => {
    const value = measures[measure] ?? Number.NaN;
    return direction === "max" ? value : -value;
  };
  const points = all.map((measures, index) => ({ index, x: worth(measures, first), y: worth(measures, second) }));
  const sorted = points.filter(({ x, y }) => Number.isFinite(x) && Number.isFinite(y));
  sorted.sort((a, b) => b.x - a.x || b.y - a.y);
  const front: number[] = [];
  // Who comes later is beaten by the best of the second goal so far, unless it is better there, or its equal in both.
  let best = { x: Number.NaN, y: Number.NEGATIVE_INFINITY };
  for (const { index, x, y } of sorted) {
    if (y > best.y) best = { x, y };
    if (x === best.x && y === best.y) front.push(index);
  }
  return front.sort((a, b) => a - b);
}
