import { describe, expect, it } from "vitest";
import type { Observation, Planner, PlannerContext, Targets } from "#planner/core";
import { active, observation } from "../observations.ts";
import { seenFailing } from "./seen-failing.ts";
import { passes, planner } from "./two-planners.ts";

const TICK_MS = 5000;
/** The planner of 2026 with both loops: throughput every three minutes, load every five seconds. */
const BOTH = { target: "sla", scaling: { load: true, throughput: true }, predictor: "constant", maxGpus: 40 };

/** Workers stand as they are wanted at once. */
function seen(tick: number, rate: number, standing: Targets, overrides: Partial<Observation> = {}): Observation {
  return observation(tick * TICK_MS, rate, {
    workers: { prefill: active(standing.prefill), decode: active(standing.decode) },
    forwardPasses: passes(standing.prefill, standing.decode, rate > 0 ? 3000 : 0),
    ...overrides,
  });
}

const UNKNOWN: Partial<Observation> = {
  startedRequests: null,
  startedIsl: [],
  completedRequests: null,
  meanIsl: null,
  meanOsl: null,
  meanTtftMs: null,
  meanItlMs: null,
  meanRequestDurationMs: null,
};

describe("a rise at any time", () => {
  /** Ticks from a rise of the load, which comes some ticks after the hour, until the prefill workers that it needs are asked for. */
  const ticksUntilAnswered = (plan: Planner, riseAt: number) => {
    const standing = { prefill: 1, decode: 1 };
    for (let tick = 1; tick <= riseAt + 72; tick++) {
      const { targets } = plan.tick(seen(tick, tick <= riseAt ? 5 : 60, standing));
      Object.assign(standing, targets);
      // Prompts of 3000 tokens take 80 ms each, alone: sixty a second are the work of about five.
      if (tick > riseAt && standing.prefill >= 4) return tick - riseAt;
    }
    return Number.POSITIVE_INFINITY;
  };
  const claim = (make: () => Planner) => {
    const took = [72, 84, 96, 107].map((riseAt) => ticksUntilAnswered(make(), riseAt));
    expect(Math.max(...took), "ticks until the rise was answered").toBeLessThanOrEqual(4);
    expect(Math.max(...took) - Math.min(...took), "ticks between the luckiest and the unluckiest").toBeLessThanOrEqual(
      1,
    );
  };

  it("[W16b held] is answered as soon, whenever the planner was started", () =>
    claim(() => planner("default", { maxGpus: 40 })));

  it("[W16b shown] waits for the next throughput loop, whose times are fixed when the planner is made", () =>
    seenFailing(() => claim(() => planner("load-compat", BOTH)), /ticks until the rise was answered: expected \d+/));
});

describe("traffic that nobody tells of any more", () => {
  /** Ten minutes of traffic; then its numbers are lost, and somebody who knows better takes workers away by hand, for two hours. */
  const claim = (plan: Planner) => {
    const standing = { prefill: 6, decode: 6 };
    for (let tick = 1; tick <= 120; tick++) Object.assign(standing, plan.tick(seen(tick, 60, standing)).targets);
    expect(standing.prefill).toBeGreaterThan(2);
    for (let tick = 121; tick <= 120 + 1440; tick++) {
      const byHand = { prefill: 1, decode: 1 };
      const { targets } = plan.tick(seen(tick, 0, byHand, UNKNOWN));
      expect(targets, `workers wanted ${(tick - 120) * 5} s after the last that was known`).toBeNull();
    }
  };

  it("[W16c held] gives no reason to ask for workers, however many it once needed", () =>
    claim(planner("default", { maxGpus: 40 })));

  it("[W16c shown] keeps up the floor that was made of it, for ever", async () => {
    const plan = planner("load-compat", BOTH);
    await seenFailing(() => claim(plan), /workers wanted 5 s after the last that was known/);
    // Two hours later, with engines that have nothing to do, it is what it was.
    let last = plan.tick(seen(122, 0, { prefill: 1, decode: 1 }, UNKNOWN));
    const floor = last.values.prefillFloor!;
    expect(floor).toBeGreaterThan(2);
    for (let tick = 123; tick <= 120 + 1440; tick++)
      last = plan.tick(seen(tick, 0, { prefill: 1, decode: 1 }, UNKNOWN));
    expect(last.values.prefillFloor).toBe(floor);
    expect(last.targets!.prefill).toBe(floor);
  });
});

describe("the length of prompts", () => {
  const ISL = 9000;
  const estimateMs = {
    default: ({ prefillServiceMs }: Record<string, number>) => prefillServiceMs!,
    "load-compat": ({ estimatedTtftMs }: Record<string, number>) => estimatedTtftMs!,
  };
  const LOAD_ONLY = { target: "sla", scaling: { load: true, throughput: false } };

  /** Whoever asks must know what the next prompt takes, whatever share of it a pass computes, and however seldom one comes. */
  const claim = (
    strategy: keyof typeof estimateMs,
    { every, chunk, context = {} }: { every: number; chunk: number; context?: Partial<PlannerContext> },
  ) => {
    const settings = { minWorkers: { prefill: 2, decode: 1 }, ...(strategy === "default" ? {} : LOAD_ONLY) };
    const plan = planner(strategy, settings, context);
    let values: Record<string, number> = {};
    for (let tick = 1; tick <= 60; tick++) {
      const arrives = tick % every === 0;
      const { values: said } = plan.tick(
        observation(tick * TICK_MS, arrives ? 0.2 : 0, {
          startedIsl: arrives ? [ISL] : [],
          meanIsl: arrives ? ISL : null,
          workers: { prefill: active(2), decode: active(1) },
          forwardPasses: passes(2, 1, arrives ? chunk : 0),
        }),
      );
      values = { ...values, ...said };
    }
    expect(estimateMs[strategy](values), "ms").toBeGreaterThan(0.9 * (20 + 0.02 * ISL));
  };

  it("[W17a held] is that of requests where they come now and then", () => claim("default", { every: 10, chunk: ISL }));

  it("[W17a shown] shrinks where the mean is taken over passes, idle ones included", () =>
    seenFailing(() => claim("load-compat", { every: 10, chunk: ISL }), /ms: expected \d/));

  const chunked = { every: 1, chunk: 2048, context: { maxBatchedTokens: 2048 } };

  it("[W17a held] is that of requests where engines compute them in chunks", () => claim("default", chunked));

  it("[W17a shown] is that of a chunk where passes are taken for prompts", () =>
    seenFailing(() => claim("load-compat", chunked), /ms: expected [5-7]\d\./));
});

describe("engines of several attention ranks", () => {
  /** Traffic for several workers, of which no pass is known yet: all that can be known of their speed is their profile. */
  const claim = (plan: Planner) => {
    let last: Targets | null = null;
    for (let tick = 1; tick <= 12; tick++) {
      const { targets } = plan.tick(
        observation(tick * TICK_MS, 60, { forwardPasses: { prefill: null, decode: null } }),
      );
      last = targets ?? last;
    }
    expect(last, "workers wanted").not.toBeNull();
    expect(last!.prefill).toBeGreaterThanOrEqual(2);
  };
  const ranks = { ranksPerWorker: { prefill: 4, decode: 4 }, kvTokensPerRank: 225_000 };

  it("[W17b held] are sized by their profile from the start", () => claim(planner("default", { maxGpus: 40 }, ranks)));

  it("[W17b shown] are not sized before they have run, as no profile is read for them", () =>
    seenFailing(
      () => claim(planner("load-compat", { ...BOTH, scaling: undefined, throughputInterval: "5s" }, ranks)),
      /workers wanted: expected null/,
    ));
});
