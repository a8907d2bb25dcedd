import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { attainment } from "#src/report";
import { simulate } from "#src/simulator";
import { goodputBound, leastGpuSeconds, type RoleProblem } from "../../../src/study/hindsight/bound.ts";
import { requestWork } from "../../../src/study/hindsight/request-work.ts";
import { madePool, madeSpec } from "../../simulator/hand-made.ts";

const problem = (load: number[], startupS = 0): RoleProblem => ({
  load: Float64Array.from(load),
  seconds: load.length * 5,
  largestS: 1,
  stepS: 5,
  startupS,
  gpusPerWorker: 1,
});

describe("leastGpuSeconds", () => {
  it("is the first worker alone where it can do all", () => {
    expect(leastGpuSeconds(problem([0.2, 0.9, 1]), 0)).toBeCloseTo(15);
  });

  it("is whole workers where nothing may be missed, with each start-up", () => {
    // The second worker in steps 1 and 4: started twice (2 s each) rather than kept through 10 s.
    expect(leastGpuSeconds(problem([0.5, 1.5, 0.5, 0.5, 1.5], 2), 0)).toBeCloseTo(25 + 2 * (5 + 2), 3);
    // 30 s of start-up: never worth an end in between, and the run begins with the worker that it needs first.
    expect(leastGpuSeconds(problem([1.5, 0.5, 1.5], 30), 0)).toBeCloseTo(15 + 15, 3);
  });

  it("counts a last step that is cut off by its length", () => {
    expect(leastGpuSeconds({ ...problem([0.5, 1.5]), seconds: 7 }, 0)).toBeCloseTo(7 + 2, 3);
  });

  it("spares a worker where its work may be missed", () => {
    // Half a worker's work in 5 s: 2.5 requests of 1 s.
    expect(leastGpuSeconds(problem([1.5, 1]), 3)).toBeCloseTo(10, 3);
  });

  it("never exceeds what a plan needs, found by trying all plans", () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.integer({ min: 0, max: 30 }).map((tenths) => tenths / 10),
          { minLength: 1, maxLength: 6 },
        ),
        fc.integer({ min: 0, max: 12 }),
        fc.integer({ min: 0, max: 4 }),
        (load, startupS, misses) => {
          const exact = exhaustive(load, startupS, misses);
          expect(leastGpuSeconds(problem(load, startupS), misses)).toBeLessThanOrEqual(exact + 1e-6);
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe("goodputBound", () => {
  it("counts prompts as good that only a cache brings within the TTFT", () => {
    // The same 400 tokens again and again: 400 ms alone, 40 ms once 360 of them are cached.
    const requests = Array.from({ length: 30 }, (_, i) => ({ atMs: i * 1000, isl: 400, osl: 2, blocks: BLOCKS }));
    const spec = madeSpec(
      { requests, blockTokens: 40, horizonMs: 30_000 },
      { decode: madePool("aggregated", {}, { blockSize: 40 }), sla: { ttftMs: 250, itlMs: 50 }, minEndMs: 30_000 },
    );
    const record = simulate(spec);
    const { good } = attainment(record).attainment;
    expect([record.feasible.includes(1), good]).toEqual([false, 29]);
    const work = requestWork(spec, record.requests);
    const bound = goodputBound({ spec, record, work, floor: 1, seconds: 30 });
    // One worker for half a minute.
    expect(bound).toBeCloseTo(good / 30, 9);
  });
});

const BLOCKS = Array.from({ length: 10 }, (_, block) => block);

function exhaustive(load: readonly number[], startupS: number, misses: number): number {
  let best = Number.POSITIVE_INFINITY;
  const visit = (step: number, before: number | null, cost: number, missed: number): void => {
    if (missed > misses + 1e-9 || cost >= best) return;
    if (step === load.length) {
      best = cost;
      return;
    }
    for (let workers = 1; workers <= 3; workers++) {
      const started = before === null ? 0 : Math.max(0, workers - before);
      visit(
        step + 1,
        workers,
        cost + workers * 5 + started * startupS,
        missed + 5 * Math.max(0, load[step]! - workers),
      );
    }
  };
  visit(0, null, 0, 0);
  return best;
}
