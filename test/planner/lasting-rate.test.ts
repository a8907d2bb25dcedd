import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type RandomStream, randomStream } from "#common";
import { slowShare } from "../../planner/core/capacity.ts";
import {
  CALM_WINDOW_S,
  LOAD_WINDOW_S,
  lastingRate,
  type MeanRates,
  QUIET_WINDOW_S,
} from "../../planner/core/hindsight/lasting-rate.ts";
import { RoleHindsight } from "../../planner/core/hindsight/role-hindsight.ts";

const TICK_S = 5;

/** Poisson arrivals in ticks of 5 s, and their means over the windows, requests/s. */
function arrivals(stream: RandomStream, seconds: number, rateAt: (s: number) => number) {
  const counts: number[] = [];
  const mean = (windowS: number) => {
    const last = counts.slice(-windowS / TICK_S);
    return last.reduce((sum, count) => sum + count, 0) / (last.length * TICK_S);
  };
  return Array.from({ length: seconds / TICK_S }, (_, i) => {
    counts.push(stream.poisson(rateAt(i * TICK_S) * TICK_S));
    const means = { recent: mean(LOAD_WINDOW_S), quiet: mean(QUIET_WINDOW_S), calm: mean(CALM_WINDOW_S) };
    return { rate: counts.at(-1)! / TICK_S, means };
  });
}

describe("the lasting rate", () => {
  it("lies between the means of shorter and longer times", () => {
    const rate = fc.double({ min: 0, max: 1e6, noNaN: true });
    fc.assert(
      fc.property(rate, rate, rate, (recent, quiet, calm) => {
        const lasting = lastingRate({ recent, quiet, calm });
        expect(lasting).toBeGreaterThanOrEqual(Math.min(recent, quiet, calm) * (1 - 1e-9));
        expect(lasting).toBeLessThanOrEqual(Math.max(recent, quiet, calm) * (1 + 1e-9));
      }),
    );
  });

  it("has a sixth of the noise of the short mean, also where requests come clumped, and follows a jump at once", () => {
    const seen = arrivals(randomStream(1, "lasting"), 20_000, () => 40);
    const spread = (of: (each: (typeof seen)[number]) => number) =>
      seen.reduce((sum, each) => sum + (of(each) - 40) ** 2, 0) / seen.length;
    expect(spread(({ means }) => lastingRate(means))).toBeLessThan(0.16 * spread(({ means }) => means.recent));
    expect(lastingRate({ recent: 40, quiet: 18.7, calm: 10.7 })).toBeGreaterThan(39);
    const clumped = { recent: 24, quiet: 22, calm: 20 };
    expect(lastingRate(clumped, 4)).toBe(20);
    expect(lastingRate(clumped)).toBeGreaterThan(22);
  });
});

it("a size that stands for long is not made larger by noise that formulas reckon with", () => {
  const decode = { batch: 48, requestsPerS: 15.9, feasible: true };
  const missShare = (workers: number, rate: number) => slowShare(workers, rate, decode, 0);
  const fixed = (lasting: (means: MeanRates) => number) => {
    const role = new RoleHindsight(60_000, 5000);
    let said = null;
    for (const [i, { rate, means }] of arrivals(randomStream(2, "lasting"), 3600, (s) =>
      s % 600 >= 300 ? 40 : 8,
    ).entries()) {
      said = role.update({
        nowMs: (i + 1) * TICK_S * 1000,
        dtS: TICK_S,
        rate,
        recentRate: means.recent,
        longerRate: means.quiet,
        lastingRate: lasting(means),
        forecastRate: means.recent,
        capacity: () => ({ workerSeconds: 1 / 15.9, missShare }),
        profiledSeconds: 1 / 15.9,
        corrections: { prefill: 1, decode: 1 },
        isClumped: false,
        goal: 0.003,
        active: 4,
        judged: rate * TICK_S,
        missed: 0,
        needUp: 4,
        needDown: 4,
        load: {
          upperRate: means.recent,
          forecast: means.recent,
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
  expect(fixed(({ recent }) => recent)).toBe(4);
});
