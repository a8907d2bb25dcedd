import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { randomStream } from "#common";
import { LoadWatch } from "../../planner/core/load-watch.ts";

function watched(rates: readonly number[], seconds = 5): LoadWatch {
  const watch = new LoadWatch();
  for (const rate of rates) watch.add({ rate, seconds });
  return watch;
}

function poisson(seed: number, rate: number, seconds: number, ticks: number): number[] {
  const stream = randomStream(seed, "arrivals");
  return Array.from({ length: ticks }, () => stream.poisson(rate * seconds) / seconds);
}

describe("whether load has fallen", () => {
  it("is not taken from the noise of a constant load within a quarter of an hour, but for one time in a hundred", () => {
    const loads = [0.05, 0.5, 3, 20].flatMap((rate) => [5, 15, 30].map((seconds) => ({ rate, seconds })));
    const runs = loads.flatMap((each) => Array.from({ length: 50 }, (_, seed) => ({ ...each, seed })));
    const fallen = runs.filter(
      ({ rate, seconds, seed }) => watched(poisson(seed, rate, seconds, 900 / seconds), seconds).hasFallen,
    );
    expect(fallen.length).toBeLessThanOrEqual(runs.length / 100);
  });

  it.each([
    ["to a half within a minute", 20, 10, 12],
    ["by a fifth within five", 20, 16, 60],
    ["by a twentieth of many within five", 200, 190, 60],
  ])("is seen: %s", (_, before, after, ticks) => {
    for (let seed = 0; seed < 20; seed++) {
      const rates = [...poisson(seed, before, 5, 60), ...poisson(seed + 100, after, 5, ticks)];
      expect(watched(rates).hasFallen, `seed ${seed}`).toBe(true);
    }
  });

  it("stays known when the load rises again", () => {
    expect(watched([...Array(20).fill(20), ...Array(20).fill(5), ...Array(20).fill(20)]).hasFallen).toBe(true);
  });

  it("is never said of load that only rises, and ticks of no length say nothing", () => {
    const rising = fc.array(fc.double({ min: 0, max: 50, noNaN: true }), { maxLength: 200 });
    fc.assert(
      fc.property(rising, (steps) => {
        let rate = 0;
        const watch = watched(steps.map((step) => (rate += step)));
        watch.add({ rate: 0, seconds: 0 });
        expect(watch.hasFallen).toBe(false);
      }),
    );
  });
});
