import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Cell, type MethodName, methodOf, parseAxis, type RunOutcome, runSweep } from "#src/study";

const GOAL = { measure: "goodput", direction: "max" } as const;

/** A sweep over a known function; noise hangs on the seed. */
async function sweep(
  method: MethodName,
  texts: string[],
  worth: (values: readonly number[], seed: number) => number,
  more: { seeds?: number[]; samples?: number; eta?: number; limit?: number } = {},
) {
  const axes = texts.map(parseAxis);
  const seeds = more.seeds ?? [1];
  const runs: Cell[] = [];
  const stop = new AbortController();
  const kept = new Map<string, RunOutcome>();
  const key = (cell: Cell) => JSON.stringify([cell.candidate.values, cell.seed]);
  const play = (limit: number, signal: AbortSignal) =>
    runSweep({
      method: methodOf({
        method,
        axes,
        seeds,
        samples: more.samples ?? null,
        eta: more.eta ?? 3,
        batch: 4,
        searchSeed: 1,
      }),
      goal: GOAL,
      conditions: [],
      memory: { get: (cell) => kept.get(key(cell)), put: (cell, outcome) => kept.set(key(cell), outcome) },
      run: async (cells, done) => {
        for (const [index, cell] of cells.entries()) {
          if (runs.length >= limit) {
            stop.abort();
            return;
          }
          runs.push(cell);
          const goodput = worth(cell.candidate.values as number[], cell.seed!);
          done(index, { seed: cell.seed!, passed: true, measures: { goodput } });
        }
      },
      signal,
    });
  const mean = (outcomes: readonly RunOutcome[]) =>
    outcomes.reduce((sum, run) => sum + ("measures" in run ? run.measures.goodput! : 0), 0) / outcomes.length;
  return { play, stop, runs, mean };
}

const NEVER = new AbortController().signal;

describe("successive halving", () => {
  it("keeps the best of a known function, and runs each rung with fewer candidates and more seeds", async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 2, max: 4 }), async (peak, eta) => {
        const seeds = [1, 2, 3, 4, 5, 6, 7, 8, 9];
        const { play, runs } = await sweep(
          "halving",
          ["a=range(1,40)"],
          // Seeds shift all candidates alike, as the same traffic does.
          ([a], seed) => -Math.abs(a! - peak) + 0.01 * seed,
          { seeds, eta },
        );
        const { trials } = await play(Number.POSITIVE_INFINITY, NEVER);
        const full = trials.filter((trial) => trial.runs.length === seeds.length);
        expect(full.map((trial) => trial.candidate.values[0])).toContain(peak);
        expect(full.length).toBeLessThan(40);
        // No run twice.
        expect(new Set(runs.map((cell) => JSON.stringify(cell))).size).toBe(runs.length);
        expect(runs.length).toBeLessThan(40 * seeds.length);
      }),
      { numRuns: 30, seed: 1 },
    );
  });
});

describe("the Parzen estimator", () => {
  it("comes closer to the best of a known function than as many draws do", async () => {
    const worth = ([x, y, k]: readonly number[]) =>
      -((x! - 0.3) ** 2) - (Math.log2(y!) - 5) ** 2 / 50 + (k === 2 ? 0.5 : 0);
    const axes = ["x=between(0.0,1.0)", "y=between(1,1024,log)", "k=1,2,3,4"];
    const bestOf = async (method: MethodName) => {
      const { play, mean } = await sweep(method, axes, worth, { samples: 60 });
      const { trials } = await play(Number.POSITIVE_INFINITY, NEVER);
      expect(trials).toHaveLength(60);
      return Math.max(...trials.map(({ runs }) => mean(runs)));
    };
    const bayes = await bestOf("bayes");
    expect(bayes).toBeGreaterThan(await bestOf("random"));
    expect(bayes).toBeGreaterThan(0.49);
  });

  it("ends where the space does", async () => {
    const { play } = await sweep("bayes", ["k=range(1,13)"], ([k]) => k!, { samples: 50 });
    expect((await play(Number.POSITIVE_INFINITY, NEVER)).trials).toHaveLength(13);
  });
});

describe("a sweep that was interrupted", () => {
  it.each(["grid", "random", "halving", "bayes"] as const)("goes on as if it had not been: %s", async (method) => {
    const worth = ([a, b]: readonly number[], seed: number) => a! * b! + seed / 100;
    const more = { seeds: [1, 2, 3, 4], ...(method === "grid" || method === "halving" ? {} : { samples: 20 }) };
    const texts = ["a=range(1,6)", "b=range(1,6)"];
    const whole = await sweep(method, texts, worth, more);
    const expected = await whole.play(Number.POSITIVE_INFINITY, NEVER);
    const cut = await sweep(method, texts, worth, more);
    const first = await cut.play(17, cut.stop.signal);
    expect(first.isWhole).toBe(false);
    expect(cut.runs).toHaveLength(17);
    const second = await cut.play(Number.POSITIVE_INFINITY, NEVER);
    expect(second).toEqual(expected);
    expect(cut.runs).toHaveLength(whole.runs.length);
  });
});
