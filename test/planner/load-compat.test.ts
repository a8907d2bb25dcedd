import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { createPlanner, type Observation, type Planner, type PlannerContext, plannerConfigSchema } from "#planner/core";
import { LOAD_TEXTS, POWER_TEXTS, THROUGHPUT_TEXTS } from "../../planner/core/load-compat/explain.ts";
import { active, disagg, forwardPass, observation, type PassLoad, testProfile, testSurface } from "./observations.ts";

function planner(config: Record<string, unknown> = {}, context: Partial<PlannerContext> = {}): Planner {
  return createPlanner(
    plannerConfigSchema.parse({ strategy: "load-compat", predictor: "constant", ...config }),
    { ...disagg, profile: testProfile, ...context },
    testSurface(),
  );
}

const codes = (reasons: { code: string }[]) => reasons.map(({ code }) => code);

function seen(nowMs: number, prefill: PassLoad[], decode: PassLoad[], more: Partial<Observation> = {}): Observation {
  return observation(nowMs, 20, {
    workers: { prefill: active(prefill.length), decode: active(decode.length) },
    forwardPasses: {
      prefill: prefill.map((load, i) => forwardPass(`w${i}`, load)),
      decode: decode.map((load, i) => forwardPass(`w${i}`, load)),
    },
    ...more,
  });
}

describe("load-compat, load scaling", () => {
  const limits = { target: "load", prefillQueueTokens: { up: 4000, down: 500 }, decodeKvPercent: { up: 80, down: 40 } };

  it("takes one worker more where any engine is above its limit, one fewer where all are below theirs", () => {
    const plan = planner(limits);
    const busy = plan.tick(seen(5000, [{ queuedTokens: 4000 }, {}], [{ kvTokens: 500_000 }, { kvTokens: 500_000 }]));
    expect(busy.targets).toEqual({ prefill: 3, decode: 2 });
    expect(busy.reasons).toMatchObject([
      { code: "scale-up", role: null },
      { code: "scale-up", role: "prefill" },
      { code: "no-change", role: "decode" },
    ]);
    expect(busy.values.prefillHighestLoad).toBe(4000);
    const calm = plan.tick(seen(10_000, [{}, {}, {}], [{ kvTokens: 100_000 }, { kvTokens: 90_000 }]));
    expect(calm.targets).toEqual({ prefill: 2, decode: 1 });
    expect(calm.loops).toEqual({ load: "scale_down", throughput: "disabled" });
  });

  it("changes nothing without passes, while workers start, or where some have told nothing", () => {
    const plan = planner(limits);
    const nothing = plan.tick(seen(5000, [{}], [{}], { forwardPasses: { prefill: null, decode: null } }));
    const starting = { prefill: { ...active(1), starting: 1 }, decode: active(1) };
    const underWay = plan.tick(seen(10_000, [{ queuedTokens: 9000 }], [{}], { workers: starting }));
    const unheard = { prefill: active(2), decode: active(1) };
    const partly = plan.tick(seen(15_000, [{ queuedTokens: 9000 }], [{}], { workers: unheard }));
    expect([nothing, underWay, partly].map(({ targets }) => targets)).toEqual([null, null, null]);
    expect([nothing, underWay, partly].map(({ reasons }) => reasons[0]!.code)).toEqual([
      "no-fpm-data",
      "scaling-in-progress",
      "worker-count-mismatch",
    ]);
  });

  it("keeps the minimum and the GPU budget, also when the minimum is changed while it runs", () => {
    const plan = planner({ ...limits, maxGpus: 5, minWorkers: 2 });
    const up = plan.tick(seen(5000, [{ queuedTokens: 9000 }, {}], [{ kvTokens: 800_000 }, { kvTokens: 1 }]));
    expect(up.targets).toEqual({ prefill: 2, decode: 3 });
    expect(up.clamps).toContainEqual({ name: "gpuBounds", role: "prefill", from: 3, to: 2 });
    const down = plan.tick(seen(10_000, [{}, {}], [{}, {}]));
    expect(down.targets).toBeNull();
    plan.setMinimum?.({ prefill: 1, decode: 1 });
    expect(plan.tick(seen(15_000, [{}, {}], [{}, {}])).targets).toEqual({ prefill: 1, decode: 1 });
  });

  it("has decode alone or prefill alone where the mode says so", () => {
    const decode = planner(limits, { mode: "decode" });
    expect(decode.tick(seen(5000, [], [{ kvTokens: 800_000 }])).targets).toEqual({ prefill: 0, decode: 2 });
    const prefill = planner({ target: "latency", contextLength: 10_000 }, { mode: "prefill" });
    expect(prefill.tick(seen(5000, [{ queuedTokens: 1000 }], [])).targets).toEqual({ prefill: 2, decode: 0 });
    const blind = planner({ target: "latency" }, { mode: "prefill", profile: undefined as never });
    expect(codes(blind.tick(seen(5000, [{ queuedTokens: 1000 }], [])).reasons)).toEqual(["insufficient-data"]);
  });

  it("takes nobody away where the fullest one's load, shared among one fewer, would be above the limit for one more", () => {
    const targets = (...kvTokens: number[]) =>
      planner({ ...limits, decodeKvPercent: { up: 80, down: 60 } }).tick(
        seen(
          5000,
          [{}],
          kvTokens.map((each) => ({ kvTokens: each })),
        ),
      ).targets;
    // Of 900,000 tokens: 40 % of two would be 80 % of one, and 53.3 % of three 80 % of two, whatever the others hold.
    expect(targets(360_000, 0)).toBeNull();
    expect(targets(359_000, 0)).toEqual({ prefill: 1, decode: 1 });
    expect(targets(480_000, 0, 0)).toBeNull();
    expect(targets(479_000, 479_000, 479_000)).toEqual({ prefill: 1, decode: 2 });
  });

  describe("within GPU bounds", () => {
    const busy = { prefill: { queuedTokens: 4000 }, decode: { kvTokens: 800_000 } };
    const still = { prefill: { queuedTokens: 1000 }, decode: { kvTokens: 400_000 } };
    const calm = { prefill: {}, decode: {} };
    const loads = { busy, still, calm };
    type Load = keyof typeof loads;
    const thresholds = { ...limits, decodeKvPercent: { up: 80, down: 10 } };
    const decide = (config: object, [prefill, decode]: [number, number], [p, d]: [Load, Load]) => {
      const passes = <Pass>(count: number, pass: Pass) => Array.from({ length: count }, () => pass);
      const plan = planner({ ...thresholds, ...config }, prefill === 0 ? { mode: "agg" } : {});
      const { targets, reasons } = plan.tick(
        seen(5000, passes(prefill, loads[p].prefill), passes(decode, loads[d].decode)),
      );
      return [targets === null ? null : [targets.prefill, targets.decode], reasons[0]!.code];
    };

    it.each([
      // What stands outside is brought within, whatever the load asks for; of a pair below its minimum the load is heard.
      [{ maxGpus: 3 }, [2, 3], ["busy", "busy"], [1, 2], "gpu-budget-reconcile"],
      [{ maxGpus: 3 }, [2, 3], ["calm", "calm"], [1, 2], "gpu-budget-reconcile"],
      [{ minGpus: 6, maxGpus: 8 }, [2, 1], ["still", "busy"], [4, 2], "gpu-budget-reconcile"],
      [{ maxGpus: null, minWorkers: 3 }, [1, 3], ["still", "busy"], [3, 4], "gpu-budget-reconcile"],
      [{ maxGpus: 2 }, [0, 4], ["still", "busy"], [0, 2], "gpu-budget-reconcile"],
      [{ maxGpus: 2 }, [0, 4], ["still", "still"], [0, 2], "no-change"],
      [{ minGpus: 3, maxGpus: 8, minWorkers: 2 }, [0, 1], ["still", "still"], [0, 2], "no-change"],
      [{ maxGpus: null, minWorkers: 3 }, [0, 1], ["still", "busy"], [0, 3], "scale-up"],
      // Part of what is asked for.
      [{ maxGpus: 4 }, [2, 1], ["busy", "busy"], [2, 2], "scale-up"],
      [{ minGpus: 4, maxGpus: null }, [2, 3], ["calm", "calm"], [2, 2], "scale-down"],
      // Nothing of it, rather than what nobody asked for.
      [{ maxGpus: 4 }, [2, 2], ["busy", "busy"], null, "gpu-budget-guard-hold"],
      [{ maxGpus: 4 }, [3, 1], ["busy", "busy"], null, "gpu-budget-guard-hold"],
      [{ minGpus: 5, maxGpus: 8 }, [2, 2], ["calm", "calm"], null, "gpu-budget-guard-hold"],
      [{ minGpus: 5, maxGpus: null }, [1, 4], ["calm", "calm"], null, "gpu-budget-guard-hold"],
      // The lower bound's tolerance of one worker is for what stands, and not to go down to.
      [{ minGpus: 6, maxGpus: 8 }, [4, 2], ["calm", "still"], null, "gpu-budget-guard-hold"],
      [{ minGpus: 3, maxGpus: 3 }, [0, 3], ["calm", "calm"], null, "gpu-budget-guard-hold"],
      [{ minGpus: 5, maxGpus: 8 }, [1, 3], ["busy", "calm"], [2, 2], "scale-up"],
    ] as const)("%j, %j workers, %j: %j, %s", (config, standing, load, targets, reason) => {
      expect(decide(config, [...standing], [...load])).toEqual([targets, reason]);
    });
  });

  it("counts waiting prompts against the cache of an aggregated engine", () => {
    const plan = planner({ ...limits, prefillQueueTokens: undefined }, { mode: "agg" });
    const decision = plan.tick(seen(5000, [], [{ kvTokens: 600_000, queuedTokens: 120_000 }]));
    expect(decision.targets).toEqual({ prefill: 0, decode: 2 });
  });
});

describe("load-compat towards an SLA", () => {
  const both = { target: "sla", scaling: { load: true, throughput: true }, throughputInterval: "10s", maxGpus: null };

  it("sizes from the forecast by what one engine serves within the SLA", () => {
    const plan = planner({ target: "sla", throughputInterval: "10s", maxGpus: null });
    expect(plan.intervalMs).toBe(10_000);
    const decision = plan.tick(seen(10_000, [{}], [{}], { windowMs: 10_000, startedRequests: 600 }));
    // A prompt of 3000 tokens takes 80 ms, two at once 140 ms; decode keeps 10 ms up to 60 sequences of 3150 tokens.
    const { prefillWorkerPerS, decodeWorkerPerS } = decision.values;
    expect(prefillWorkerPerS).toBeCloseTo(2 / 0.14, 1);
    expect(decodeWorkerPerS).toBeGreaterThan(15);
    expect(decodeWorkerPerS).toBeLessThan(25);
    expect(decision.targets).toEqual({
      prefill: Math.ceil(60 / prefillWorkerPerS!),
      decode: Math.ceil(60 / decodeWorkerPerS!),
    });
    expect(codes(decision.reasons)).toEqual(["scale"]);
    expect(decision.forecast).toEqual({ requestRate: 60, isl: 3000, osl: 300 });
  });

  it("takes means over ticks in between, and a window that covers them all as it is", () => {
    const traffic = (ticks: { windowMs: number; startedRequests: number }[]) => {
      const plan = planner({ ...both, throughputInterval: "20s" });
      const decisions = ticks.map((tick, i) => plan.tick(seen(5000 * (i + 1), [{}], [{}], tick)));
      return decisions.at(-1)!.forecast!.requestRate;
    };
    const each = [10, 20, 30, 40].map((startedRequests) => ({ windowMs: 5000, startedRequests }));
    expect(traffic(each)).toBe(100 / 20);
    const sliding = [10, 30, 60, 100].map((startedRequests) => ({ windowMs: 20_000, startedRequests }));
    expect(traffic(sliding)).toBe(100 / 20);
  });

  it("load scaling does not go below what the throughput needs", () => {
    const plan = planner(both);
    expect(plan.intervalMs).toBe(5000);
    const idle = (nowMs: number, more: Partial<Observation> = {}) => seen(nowMs, [{}, {}, {}], [{}, {}, {}], more);
    expect(plan.tick(idle(5000)).targets).toEqual({ prefill: 2, decode: 2 });
    const floored = plan.tick(idle(10_000, { startedRequests: 200 }));
    expect(codes(floored.reasons).slice(0, 2)).toEqual(["set-lower-bound", "scale-down-capped-by-throughput"]);
    expect(floored.values.prefillFloor).toBe(3);
    expect(floored.targets).toEqual({ prefill: 3, decode: 2 });
    expect(floored.loops).toEqual({
      load: "scale_down_capped_by_throughput",
      throughput: "set_lower_bound",
    });
  });

  it("asks for more where every engine would miss the SLA with one more request", () => {
    const plan = planner(both);
    const slow = plan.tick(
      seen(
        5000,
        [{ queuedTokens: 20_000, prefillTokens: 3000, wallTimeS: 0.08 }],
        [{ sequences: 10, kvTokens: 31_500 }],
      ),
    );
    expect(slow.values.estimatedTtftMs).toBeGreaterThan(200);
    expect(slow.targets).toEqual({ prefill: 2, decode: 1 });
  });

  it("makes no decision on missing traffic", () => {
    const plan = planner({ target: "sla", throughputInterval: "10s" });
    const blind = { windowMs: 10_000, startedRequests: null, completedRequests: null };
    const decision = plan.tick(seen(10_000, [{}, {}], [{}, {}], blind));
    expect(decision.targets).toBeNull();
    expect(codes(decision.reasons)).toEqual(["no-traffic-data"]);
    // And none where requests came whose lengths are not known yet.
    const early = { windowMs: 10_000, startedRequests: 50, completedRequests: 0, meanIsl: null, meanOsl: null };
    expect(codes(plan.tick(seen(20_000, [{}], [{}], early)).reasons)).toEqual(["no-traffic-data"]);
  });

  it("learns from live passes where it has no profile", () => {
    const plan = planner({ ...both, scaling: { load: true, throughput: false } }, { profile: undefined as never });
    const first = plan.tick(seen(5000, [{}], [{ sequences: 10, kvTokens: 30_000, wallTimeS: 0.005 }]));
    expect(first.values.estimatedItlMs).toBeUndefined();
    for (let i = 2; i <= 6; i++) {
      plan.tick(seen(i * 5000, [{}], [{ sequences: 10 * i, kvTokens: 30_000 * i, wallTimeS: 0.004 + 0.001 * i }]));
    }
    const last = plan.tick(seen(35_000, [{}], [{ sequences: 70, kvTokens: 210_000, wallTimeS: 0.011 }]));
    expect(last.values.estimatedItlMs).toBeGreaterThan(10.9);
    expect(last.targets).toEqual({ prefill: 1, decode: 2 });
  });

  it.each([
    ["acceptLength", 2],
    ["kvHitRate", 0.5],
  ])("an observed %s that is no number is not known: the last one stays in force", (name, value) => {
    const ticks = (broken: number | null) => {
      const plan = planner({ target: "sla", speculativeNextn: 2, throughputInterval: "10s", maxGpus: null });
      const busy = [{ sequences: 200, kvTokens: 600_000, queuedTokens: 30_000 }];
      return [value, broken, null].map((each, i) =>
        plan.tick(seen((i + 1) * 10_000, busy, busy, { windowMs: 10_000, startedRequests: 200, [name]: each })),
      );
    };
    const known = ticks(null);
    expect(known.map(({ loops }) => loops!.throughput)).toEqual(["scale", "scale", "scale"]);
    for (const hole of [Number.NaN, Number.POSITIVE_INFINITY]) expect(ticks(hole)).toEqual(known);
  });

  it("counts no more accepted drafts than there are", () => {
    const speculative = (speculativeNextn: number) =>
      planner({ target: "sla", throughputInterval: "10s", maxGpus: null, speculativeNextn }).tick(
        seen(10_000, [{}], [{}], { windowMs: 10_000, startedRequests: 200, acceptLength: 9 }),
      ).values.decodeWorkerPerS!;
    expect(speculative(2)).toBeGreaterThan(1.5 * speculative(0));
    expect(speculative(20)).toBeGreaterThan(speculative(2));
  });
});

describe("load-compat, power", () => {
  it("holds growth back while the other role shrinks, where both at once would draw too much", () => {
    const plan = planner({
      target: "load",
      prefillQueueTokens: { up: 4000, down: 500 },
      decodeKvPercent: { up: 80, down: 40 },
      power: { limitWatts: 2800, perWorker: { prefill: 700, decode: 700 } },
    });
    const decision = plan.tick(seen(5000, [{ queuedTokens: 9000 }, {}], [{}, {}]));
    expect(decision.targets).toEqual({ prefill: 2, decode: 1 });
    expect(codes(decision.reasons)).toContain("power-rebalance-staged");
    expect(decision.clamps).toContainEqual({ name: "powerLimit", role: "prefill", from: 3, to: 2 });
  });
});

describe("load-compat's configuration", () => {
  const problem = (config: Record<string, unknown>) => () => planner(config);

  it("wants limits for target load, and a choice of loops only for target sla", () => {
    expect(problem({ target: "load", decodeKvPercent: { up: 80, down: 40 } })).toThrow(
      /expected \{up, down\}: target load needs it in mode disagg/,
    );
    expect(problem({ target: "load", decodeKvPercent: { up: 40, down: 80 } })).toThrow(/expected up to be above down/);
    expect(problem({ target: "latency", scaling: { throughput: true } })).toThrow(/scales by load alone/);
    expect(problem({ target: "sla", scaling: { load: false, throughput: false } })).toThrow(/at least one/);
    expect(problem({ fpmBuckets: 10 })).toThrow(/perfect square/);
    expect(problem({ maxGpus: 3, minWorkers: 2 })).toThrow(/expected at least 4/);
  });
});

it("docs/planner.md has all its reasons", () => {
  const text = readFileSync("docs/planner.md", "utf8");
  const named = [...Object.keys(LOAD_TEXTS), ...Object.keys(THROUGHPUT_TEXTS), ...Object.keys(POWER_TEXTS)];
  expect(named.filter((word) => !text.includes(`\`${word.replaceAll("_", "-")}\``))).toEqual([]);
});
