import fc from "fast-check";
import type { Workload } from "#scenarios";
import { dependenciesOf, type Edge } from "../../scenarios/workload/dependencies.ts";

/** Requests without parents arrive at their number × 10 ms. */
export function graphWorkload(count: number, edges: readonly Edge[]): Workload {
  const children = new Set(edges.map(({ child }) => child));
  const arrivalMs = Float64Array.from({ length: count }, (_, i) => (children.has(i) ? Number.NaN : 10 * i));
  const openHeads = Int32Array.from([...arrivalMs.keys()].filter((i) => !children.has(i)));
  return {
    count,
    isl: new Int32Array(count).fill(20),
    osl: new Int32Array(count).fill(3),
    arrivalMs,
    openHeads,
    closedLoops: [],
    nextTurn: null,
    thinkMs: null,
    turnIndex: null,
    dependencies: dependenciesOf(edges, count),
    sessionIds: null,
    prompts: null,
    horizonMs: 10 * count,
  };
}

/** Edges from lower to higher numbers: no circles. */
export const anyGraph = fc.integer({ min: 1, max: 25 }).chain((count) =>
  fc
    .array(
      fc.record({
        a: fc.nat(count - 1),
        b: fc.nat(count - 1),
        delayMs: fc.integer({ min: 0, max: 500 }),
        onStart: fc.boolean(),
      }),
      { maxLength: 40 },
    )
    .map((drawn) => {
      const edges = drawn
        .filter(({ a, b }) => a !== b)
        .map(({ a, b, ...rest }) => ({ parent: Math.min(a, b), child: Math.max(a, b), ...rest }));
      return graphWorkload(count, edges);
    }),
);
