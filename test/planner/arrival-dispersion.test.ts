import { describe, expect, it } from "vitest";
import { type RandomStream, randomStream } from "#common";
import { createPlanner, plannerConfigSchema } from "#planner/core";
import { ArrivalDispersion } from "../../planner/core/arrival-dispersion.ts";
import { RequestShapes } from "../../planner/core/request-shapes.ts";
import { active, disagg, observation, testSurface } from "./observations.ts";

const TICK_S = 5;

/** Indices after each tick; the usual rate is that of all so far. */
function watched(ticks: number, countAt: (i: number) => number, tickS = TICK_S): number[] {
  const dispersion = new ArrivalDispersion();
  let all = 0;
  return Array.from({ length: ticks }, (_, i) => {
    const count = countAt(i);
    all += count;
    dispersion.update(count, tickS, all / ((i + 1) * tickS));
    return dispersion.index;
  });
}

/** Counts of clumps that come as Poisson arrivals do, of `size` requests each: their index of dispersion is `size`. */
const clumps = (stream: RandomStream, mean: number, size: number) => size * stream.poisson(mean / size);

describe("how clumped requests come", () => {
  it.each([0.3, 2, 9, 30, 300])("is never told of Poisson arrivals, at %d in a tick", (mean) => {
    const stream = randomStream(1, "dispersion");
    for (let run = 0; run < 2; run++) {
      expect(Math.max(...watched(1000, () => stream.poisson(mean)))).toBe(1);
    }
  });

  it("is never told of loads that jump twice a minute, nor of waves", () => {
    const stream = randomStream(2, "dispersion");
    const jumps = watched(2000, (i) => stream.poisson(i % 12 < 6 ? 30 : 120));
    expect(new Set(jumps)).toEqual(new Set([1]));
    const waves = watched(2000, (i) => stream.poisson(125 - 100 * Math.cos((2 * Math.PI * i * TICK_S) / 240)));
    expect(new Set(waves)).toEqual(new Set([1]));
  });

  it.each([4, 9])("is known within ten minutes where it is %d", (size) => {
    const stream = randomStream(3, "dispersion");
    const indices = watched(1000, () => clumps(stream, 100, size));
    expect(indices.slice(0, 30)).toEqual(new Array(30).fill(1));
    expect(indices[120]).toBeGreaterThan(1);
    const settled = indices.slice(300);
    const mean = settled.reduce((sum, index) => sum + index, 0) / settled.length;
    expect(mean / size).toBeGreaterThan(0.85);
    expect(mean / size).toBeLessThan(1.15);
  });

  it("is forgotten once they come one by one again", () => {
    const stream = randomStream(4, "dispersion");
    const indices = watched(700, (i) => (i < 300 ? clumps(stream, 100, 4) : stream.poisson(100)));
    expect(indices[299]).toBeGreaterThan(2);
    expect(indices.at(-1)).toBe(1);
  });

  it("takes windows long enough for what comes, of whatever ticks", () => {
    const stream = randomStream(5, "dispersion");
    expect(watched(3000, () => clumps(stream, 5, 5)).at(-1)).toBeGreaterThan(3);
    const length = (i: number) => (i % 3 === 0 ? 15 : TICK_S);
    const dispersion = new ArrivalDispersion();
    for (let i = 0; i < 2000; i++) {
      dispersion.update(stream.poisson(20 * length(i)), length(i), 20);
      expect(dispersion.index).toBe(1);
    }
  });

  it("is told by arrivals alone: completions come as engines make them", () => {
    const stream = randomStream(6, "dispersion");
    const shapes = (areArrivalsKnown: boolean) => {
      const own = new RequestShapes(testSurface(), disagg);
      for (let s = TICK_S; s <= 1000; s += TICK_S) {
        const count = clumps(stream, 100, 5);
        const startedRequests = areArrivalsKnown ? count : null;
        own.update(observation(s * 1000, 20, { startedRequests }), count / TICK_S, TICK_S);
      }
      return own;
    };
    expect(shapes(true).isClumped).toBe(true);
    expect(shapes(false).isClumped).toBe(false);
  });
});

describe("default strategy with clumped requests", () => {
  it("sizes for them once they are proven, and forgets what margins had learnt of them until then", () => {
    const planner = createPlanner(plannerConfigSchema.parse({ strategy: "default" }), disagg, testSurface());
    const stream = randomStream(7, "dispersion");
    const workers = { prefill: active(8), decode: active(8) };
    const values = Array.from({ length: 120 }, (_, i) => {
      const startedRequests = clumps(stream, 100, 5);
      return planner.tick(observation((i + 1) * 5000, 20, { startedRequests, ttftMet: 95, itlMet: 98, workers }))
        .values;
    });
    const proven = values.findIndex(({ arrivalDispersion }) => arrivalDispersion! > 1);
    expect(proven).toBeGreaterThanOrEqual(30);
    const [before, after] = [values[proven - 1]!, values[proven]!];
    expect(before.queuePressure).toBeGreaterThan(0.75);
    expect(before.batchPressure).toBeGreaterThan(0.75);
    // The misses of a tick count anew.
    expect(after.queuePressure).toBeLessThan(0.67);
    expect(after.batchPressure).toBeLessThan(0.57);
    expect(after.prefillNeedUp).toBeGreaterThan(before.prefillNeedUp!);
    expect(after.decodeNeedUp).toBeGreaterThanOrEqual(before.decodeNeedUp!);
    // What clumps make of the last minutes is noise, not errors to hold something for.
    expect(before.reservePerS).toBeGreaterThan(1);
    expect(after.reservePerS).toBeLessThan(0.6 * before.reservePerS!);
  });
});
