import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type RandomStream, randomStream } from "#common";
import { slowShare } from "../../planner/core/capacity.ts";
import { LOAD_WINDOW_S, lastingRate, QUIET_WINDOW_S } from "../../planner/core/hindsight/lasting-rate.ts";
import { RoleHindsight } from "../../planner/core/hindsight/role-hindsight.ts";

const TICK_S = 5;

/** Poisson arrivals in ticks of 5 s, and their means over the two windows, requests/s. */
function arrivals(stream: RandomStream, seconds: number, rateAt: (s: number) => number) {
  const counts: number[] = [];
  const mean = (windowS: number) => {
    const last = counts.slice(-windowS / TICK_S);
    return last.reduce((sum, count) => sum + count, 0) / (last.length * TICK_S);
  };
  return Array.from({ length: seconds / TICK_S }, (_, i) => {
    counts.push(stream.poisson(rateAt(i * TICK_S) * TICK_S));
    return { rate: counts.at(-1)! / TICK_S, recent: mean(LOAD_WINDOW_S), quiet: mean(QUIET_WINDOW_S) };
  });
}

describe("the lasting rate", () => {
  it("lies between the means of a short and a longer time", () => {
    const rate = fc.double({ min: 0, max: 1e6, noNaN: true });
    fc.assert(
      fc.property(rate, rate, (recent, quiet) => {
        const lasting = lastingRate(recent, quiet);
        expect(lasting).toBeGreaterThanOrEqual(Math.min(recent, quiet) * (1 - 1e-9));
        expect(lasting).toBeLessThanOrEqual(Math.max(recent, quiet) * (1 + 1e-9));
      }),
    );
  });

  it("has less than half of the noise of the short mean, and follows a jump at once", () => {
    const seen = arrivals(randomStream(1, "lasting"), 20_000, () => 40);
    const spread = (of: (each: (typeof seen)[number]) => number) =>
      seen.reduce((sum, each) => sum + (of(each) - 40) ** 2, 0) / seen.length;
    expect(spread(({ recent, quiet }) => lastingRate(recent, quiet))).toBeLessThan(
      0.5 * spread(({ recent }) => recent),
    );
    expect(lastingRate(40, 18.7)).toBeGreaterThan(39);
  });
});

it("a size that stands for long is not made larger by noise that formulas reckon with", () => {
  const decode = { batch: 48, requestsPerS: 15.9, feasible: true };
  const missShare = (workers: number, rate: number) => slowShare(workers, rate, decode, 0);
  const fixed = (lasting: (recent: number, quiet: number) => number) => {
    const role = new RoleHindsight(60_000, 5000);
    let said = null;
    for (const [i, { rate, recent, quiet }] of arrivals(randomStream(2, "lasting"), 3600, (s) =>
      s % 600 >= 300 ? 40 : 8,
    ).entries()) {
      said = role.update({
        nowMs: (i + 1) * TICK_S * 1000,
        dtS: TICK_S,
        rate,
        recentRate: recent,
        longerRate: quiet,
        lastingRate: lasting(recent, quiet),
        forecastRate: recent,
        capacity: () => ({ workerSeconds: 1 / 15.9, missShare }),
        profiledSeconds: 1 / 15.9,
        corrections: { prefill: 1, decode: 1 },
        goal: 0.003,
        active: 4,
        judged: rate * TICK_S,
        missed: 0,
        needUp: 4,
        needDown: 4,
        load: {
          upperRate: recent,
          forecast: recent,
          arrivals: { rate, seconds: TICK_S },
          seasonalShare: 0,
          count: null,
        },
        season: null,
        burstiness: 1,
      });
    }
    return said!.fixed;
  };
  expect(missShare(3, 40)).toBeLessThan(0.003);
  expect(fixed(lastingRate)).toBe(3);
  // The noise of the windows counted once more.
  expect(fixed((recent) => recent)).toBe(4);
});
