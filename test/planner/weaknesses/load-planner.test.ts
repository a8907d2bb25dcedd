import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { boundPair, type Observation, type Planner, resourceLimits, type Targets, withinBudget } from "#planner/core";
import { active, observation } from "../observations.ts";
import { seenFailing } from "./seen-failing.ts";
import { passes, planner } from "./two-planners.ts";

describe("a wish beyond the budget", () => {
  const cases = fc.record({
    wanted: fc.record({ prefill: fc.integer({ min: 1, max: 30 }), decode: fc.integer({ min: 1, max: 30 }) }),
    gpus: fc.record({ prefill: fc.constantFrom(1, 2, 4, 8), decode: fc.constantFrom(1, 2, 4, 8) }),
    maxGpus: fc.integer({ min: 16, max: 64 }),
  });
  type Case = typeof cases extends fc.Arbitrary<infer Value> ? Value : never;
  const minimum = { prefill: 1, decode: 1 };

  const claim = (decide: (each: Case) => Targets) => {
    for (const each of fc.sample(cases, { seed: 15, numRuns: 1000 })) {
      const { prefill, decode } = decide(each);
      expect(prefill, "prefill").toBeLessThanOrEqual(each.wanted.prefill);
      expect(decode, "decode").toBeLessThanOrEqual(each.wanted.decode);
    }
  };

  it("[D15c held] [W20 held] is cut down, and no role gets more than it asked for", () =>
    claim(
      ({ wanted, gpus, maxGpus }) =>
        withinBudget({
          wanted,
          minimum,
          limits: resourceLimits({ maxGpus }, gpus),
          workers: { prefill: active(1), decode: active(1) },
          roles: ["prefill", "decode"],
        }).targets,
    ));

  it("[D15c shown] [W20 shown] gives decode what is left over, more than it asked for", () =>
    seenFailing(
      () => claim(({ wanted, gpus, maxGpus }) => boundPair(wanted, gpus, { minGpus: null, maxGpus }, minimum)),
      /decode: expected \d+ to be less than or equal to/,
    ));
});

describe("a deployment that was set up for more GPUs than there are", () => {
  /** 50 workers of one GPU were asked for, 32 GPUs are there: 18 wait for ever. */
  const stuck = (nowMs: number, standing: Targets): Observation => {
    const there = { prefill: Math.min(16, standing.prefill), decode: Math.min(16, standing.decode) };
    const counts = (role: "prefill" | "decode") => ({
      active: there[role],
      starting: standing[role] - there[role],
      draining: 0,
    });
    return observation(nowMs, 20, {
      workers: { prefill: counts("prefill"), decode: counts("decode") },
      forwardPasses: passes(there.prefill, there.decode),
    });
  };
  const claim = (plan: Planner) => {
    const standing = { prefill: 25, decode: 25 };
    for (let tick = 1; tick <= 20; tick++) {
      Object.assign(standing, plan.tick(stuck(tick * 5000, standing)).targets);
    }
    expect(standing.prefill + standing.decode, "GPUs asked for").toBeLessThanOrEqual(32);
  };

  it("[D15d held] [D15a held] is brought within its budget at once", () => claim(planner("default", { maxGpus: 32 })));

  it("[D15d shown] [D15a shown] waits for its workers before it decides anything, for ever", () =>
    seenFailing(
      () => claim(planner("load-compat", { maxGpus: 32, target: "throughput", contextLength: 8192 })),
      /GPUs asked for: expected 50/,
    ));
});

describe("prefix caches that are no longer hit", () => {
  /** Nine of ten tokens were found, so prompts were quick; then nobody knows, and they are as slow as without a cache. */
  const claim = (plan: Planner) => {
    const standing = { prefill: 1, decode: 3 };
    for (let tick = 1; tick <= 80; tick++) {
      const cached = tick <= 20;
      const seen = observation(tick * 5000, 40, {
        workers: { prefill: active(standing.prefill), decode: active(standing.decode) },
        forwardPasses: passes(standing.prefill, standing.decode),
        kvHitRate: cached ? 0.9 : null,
        prefillMeasuredS: 200 * (cached ? 0.026 : 0.08),
        prefillProfiledS: 200 * 0.08,
      });
      Object.assign(standing, plan.tick(seen).targets);
    }
    // Forty prompts a second of 60 ms each in full passes.
    expect(standing.prefill, "prefill workers").toBeGreaterThanOrEqual(3);
  };

  it("[W15 held] show in the time of prompts, and workers are added", () => claim(planner("default")));

  it("[W15 shown] count as hit for ever where the last known rate stays in force", () =>
    seenFailing(
      () =>
        claim(planner("load-compat", { target: "sla", throughputInterval: "5s", predictor: "constant", maxGpus: 40 })),
      /prefill workers: expected [12] to be/,
    ));
});

describe("requests that miss the TTFT with workers enough", () => {
  /** Prefill workers over many rates, after five minutes in which a tenth of the requests missed, and in which none did. */
  const workersFor = (make: () => Planner, missedShare: number) => {
    let sum = 0;
    for (let rate = 10; rate <= 60; rate += 10) {
      const plan = make();
      const standing = { prefill: 9, decode: 9 };
      for (let tick = 1; tick <= 60; tick++) {
        const count = rate * 5;
        const seen = observation(tick * 5000, rate, {
          workers: { prefill: active(standing.prefill), decode: active(standing.decode) },
          forwardPasses: passes(standing.prefill, standing.decode),
          ttftMet: Math.round(count * (1 - missedShare)),
        });
        Object.assign(standing, plan.tick(seen).targets);
      }
      sum += standing.prefill;
    }
    return sum;
  };
  const claim = (make: () => Planner) => expect(workersFor(make, 0.1), "workers").toBeGreaterThan(workersFor(make, 0));

  it("[W15 held] make the planner more careful", () => claim(() => planner("default")));

  it("[W15 shown] change nothing where they are only logged", () =>
    seenFailing(
      () =>
        claim(() =>
          planner("load-compat", { target: "sla", throughputInterval: "5s", predictor: "constant", maxGpus: 40 }),
        ),
      /workers: expected \d+ to be greater than/,
    ));
});
