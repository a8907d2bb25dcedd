import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type Cell,
  type MethodName,
  methodOf,
  parseAxis,
  type RunOutcome,
  runSweep,
  summarizeSweep,
  type Trial,
} from "#src/study";

const GOAL = { measure: "goodput", direction: "max" } as const;

/** A sweep over a known function; noise hangs on the seed. */
async function sweep(
  method: MethodName,
  texts: string[],
  worth: (values: readonly number[], seed: number, part: number) => number,
  more: { seeds?: number[]; samples?: number; eta?: number; halveBy?: "duration"; leastPart?: number } = {},
) {
  const axes = texts.map(parseAxis);
  const seeds = more.seeds ?? [1];
  const runs: Cell[] = [];
  const stop = new AbortController();
  const kept = new Map<string, RunOutcome>();
  const key = (cell: Cell) => JSON.stringify([cell.candidate.values, cell.seed, cell.part]);
  const play = (limit: number, signal: AbortSignal) =>
    runSweep({
      method: methodOf({
        method,
        axes,
        seeds,
        samples: more.samples ?? null,
        eta: more.eta ?? 3,
        halveBy: more.halveBy ?? "seeds",
        leastPart: more.leastPart ?? 0.1,
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
          const goodput = worth(cell.candidate.values as number[], cell.seed!, cell.part ?? 1);
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

describe("successive halving by duration", () => {
  const SEEDS = [1, 2];

  it("plays a part of the traffic with all, and all of it with those that are left, each with all seeds", async () => {
    // Best of all is 31; at the beginning 34 looks as good as those around it.
    const worth = ([a]: readonly number[], seed: number, part: number) =>
      -Math.abs(a! - (part < 1 ? 33 : 31)) + seed / 100;
    const { play, runs } = await sweep("halving", ["a=range(1,36)"], worth, { seeds: SEEDS, halveBy: "duration" });
    const progress: number[] = [];
    const { trials } = await play(Number.POSITIVE_INFINITY, NEVER);
    for (const part of [1 / 9, 1 / 3, undefined]) progress.push(runs.filter((cell) => cell.part === part).length);
    expect(progress).toEqual([36 * 2, 12 * 2, 4 * 2]);
    expect(
      Map.groupBy(trials, ({ part }) => part)
        .get(undefined)!
        .map(({ candidate }) => candidate.values[0]),
    ).toEqual([31, 32, 33, 34]);
    const axes = ["a=range(1,36)"].map(parseAxis);
    const summary = summarizeSweep(axes, trials, GOAL, [], [GOAL, GOAL]);
    // What played a part alone may look better: it is not compared.
    expect(summary.candidates[summary.best!]).toMatchObject({ values: [31], part: 1, seeds: SEEDS, held: 2 });
    expect(summary.front).toEqual([summary.best]);
    expect(summary.candidates.map(({ part }) => part).sort()).toEqual([
      ...Array<number>(24).fill(1 / 9),
      ...Array<number>(8).fill(1 / 3),
      ...Array<number>(4).fill(1),
    ]);
    expect(summary.candidates.filter(({ part }) => part < 1).every(({ held }) => held === 0)).toBe(true);
  });

  it("plays no smaller part than asked for, and no more rungs than candidates need", async () => {
    const partsOf = async (values: string, more: { eta?: number; leastPart?: number }) => {
      const { play, runs } = await sweep("halving", [values], ([a]) => a!, { ...more, halveBy: "duration" });
      await play(Number.POSITIVE_INFINITY, NEVER);
      return [...new Set(runs.map(({ part }) => part ?? 1))];
    };
    expect(await partsOf("a=range(1,40)", { leastPart: 0.3 })).toEqual([1 / 3, 1]);
    expect(await partsOf("a=range(1,40)", { leastPart: 0.01 })).toEqual([1 / 27, 1 / 9, 1 / 3, 1]);
    expect(await partsOf("a=range(1,40)", { eta: 2 })).toEqual([1 / 8, 1 / 4, 1 / 2, 1]);
    expect(await partsOf("a=range(1,40)", { leastPart: 1 })).toEqual([1]);
    expect(await partsOf("a=1,2", {})).toEqual([1]);
    expect(await partsOf("a=1,2,3", {})).toEqual([1 / 3, 1]);
  });

  it.each(["seeds", "duration"] as const)(
    "leaves behind what can't be run, and ends where nothing can: %s",
    (halveBy) => {
      const candidates = ["a=range(1,9)"].map(parseAxis);
      const options = { method: "halving", axes: candidates, samples: null, eta: 3, leastPart: 0.1, batch: 1 } as const;
      const begin = () => {
        const method = methodOf({ ...options, seeds: [1, 2, 3], halveBy, searchSeed: 1 });
        return { method, first: method.next([]).value! };
      };
      const score = (trial: Trial, value: number) => ({
        candidate: trial.candidate,
        value,
        violation: Number.isFinite(value) ? 0 : Number.POSITIVE_INFINITY,
      });
      const one = begin();
      const next = one.method.next(one.first.map((trial, i) => score(trial, i === 4 ? 1 : Number.NEGATIVE_INFINITY)))
        .value!;
      expect(next.map(({ candidate }) => candidate.values[0])).toEqual([5]);
      const none = begin();
      expect(none.method.next(none.first.map((trial) => score(trial, Number.NEGATIVE_INFINITY))).done).toBe(true);
    },
  );
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
  it.each([
    ["grid", {}],
    ["random", { samples: 20 }],
    ["halving", {}],
    ["halving", { halveBy: "duration" }],
    ["bayes", { samples: 20 }],
  ] as const)("goes on as if it had not been: %s %j", async (method, how) => {
    const worth = ([a, b]: readonly number[], seed: number) => a! * b! + seed / 100;
    const more = { seeds: [1, 2, 3, 4], ...how };
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
