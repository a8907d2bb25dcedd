import { describe, expect, it } from "vitest";
import { createPlanner, type Decision, type Planner, type PlannerContext, plannerConfigSchema } from "#planner/core";
import { active, disagg, observation, testSurface } from "./observations.ts";

function planner(context: PlannerContext = disagg, extra: Record<string, unknown> = {}): Planner {
  return createPlanner(plannerConfigSchema.parse({ strategy: "default", ...extra }), context, testSurface());
}

/** Runs `ticks` ticks with the given rates; workers follow the decisions at once. */
function follow(plan: Planner, rates: readonly number[], start = { prefill: 1, decode: 1 }): Decision[] {
  const standing = { ...start };
  return rates.map((rate, i) => {
    const workers = { prefill: active(standing.prefill), decode: active(standing.decode) };
    const decision = plan.tick(observation((i + 1) * 5000, rate, { workers }));
    if (decision.targets) Object.assign(standing, decision.targets);
    return decision;
  });
}

const steady = (rate: number, ticks: number) => new Array<number>(ticks).fill(rate);
const codes = (decision: Decision) => decision.reasons.map(({ code }) => code);

describe("default strategy", () => {
  it("scales up at once and keeps enough for the load", () => {
    const [first] = follow(planner(), [40]);
    expect(first!.targets!.prefill).toBeGreaterThan(3);
    expect(first!.targets!.decode).toBeGreaterThan(2);
    expect(codes(first!)).toContain("scale-up");
  });

  it("scales down only after fewer workers have been enough for the delay", () => {
    const decisions = follow(planner(disagg, { scaleDownDelay: "20s" }), [...steady(40, 20), ...steady(2, 40)]);
    const high = decisions[19]!.targets!.decode;
    const falling = (test: (decision: Decision) => boolean) => decisions.findIndex((each, i) => i >= 20 && test(each));
    const drop = falling((decision) => decision.targets!.decode < high);
    const waits = falling((decision) => codes(decision).includes("scale-down-waits"));
    expect(drop - waits).toBeGreaterThanOrEqual(4);
    expect(decisions.at(-1)!.targets).toEqual({ prefill: 1, decode: 1 });
  });

  it("gives at most one worker of a role up on constant load once it has settled, as nothing is missed", () => {
    const decisions = follow(planner(), steady(20, 360)).slice(24);
    const first = decisions[0]!.targets!;
    const last = decisions.at(-1)!.targets!;
    const changes = decisions.filter((decision) => codes(decision).some((code) => code.startsWith("scale-")));
    expect(changes.filter((decision) => codes(decision).includes("scale-up"))).toEqual([]);
    expect(first.prefill - last.prefill).toBeLessThanOrEqual(1);
    expect(first.decode - last.decode).toBeLessThanOrEqual(1);
  });

  it("takes somebody else's forecast in place of its own, with its reserve on top, and says so", () => {
    const rates = steady(20, 30);
    const given = (requestRate: number | null) => {
      const plan = planner(disagg, { maxGpus: 100 });
      const standing = { prefill: 1, decode: 1 };
      return rates.map((rate, i) => {
        const workers = { prefill: active(standing.prefill), decode: active(standing.decode) };
        const forecast = i < 10 ? null : { requestRate, isl: null, osl: null };
        const decision = plan.tick(observation((i + 1) * 5000, rate, { workers, ...(forecast && { forecast }) }));
        if (decision.targets) Object.assign(standing, decision.targets);
        return decision;
      });
    };
    const own = follow(planner(disagg, { maxGpus: 100 }), rates);
    expect(given(null)).toEqual(own);
    const more = given(100).slice(10);
    expect(more[0]!.targets!.prefill).toBeGreaterThan(3 * own[10]!.targets!.prefill);
    expect(more[0]!.forecast!.requestRate).toBe(100);
    expect(more[0]!.reasons.find(({ code }) => code === "forecast-given")!.text).toMatch(
      /^100\.0 req\/s are expected by a plugin, in place of its own (19|20|21)\.\d$/,
    );
    const fewer = given(2).at(-1)!;
    expect(fewer.targets!.decode).toBeLessThan(own.at(-1)!.targets!.decode);
    expect(given(Number.NaN)).toEqual(own);
    expect(given(-5)).toEqual(own);
  });

  it("leaves the deployment alone before the first request and where nothing is known", () => {
    const plan = planner();
    const idle = plan.tick(observation(5000, 0, { workers: { prefill: active(3), decode: active(4) } }));
    expect(idle.targets).toBeNull();
    expect(codes(idle)).toEqual(["no-traffic-yet"]);
    const blind = plan.tick(observation(10_000, 0, { startedRequests: null, completedRequests: null }));
    expect(blind.targets).toBeNull();
    expect(codes(blind)).toEqual(["no-data"]);
  });

  it("goes down to the minimum when traffic stops, but not when data stops", () => {
    const quiet = planner(disagg, { minWorkers: { prefill: 1, decode: 2 } });
    expect(follow(quiet, [...steady(40, 20), ...steady(0, 60)]).at(-1)!.targets).toEqual({ prefill: 1, decode: 2 });
    const blind = planner();
    follow(blind, steady(40, 20));
    for (let i = 21; i < 80; i++) {
      expect(
        blind.tick(observation(i * 5000, 0, { startedRequests: null, completedRequests: null })).targets,
      ).toBeNull();
    }
  });

  it("holds decode until an output length is known, and sizes prefill meanwhile", () => {
    const decision = planner().tick(
      observation(5000, 40, {
        completedRequests: 0,
        meanOsl: null,
        workers: { prefill: active(1), decode: active(3) },
      }),
    );
    expect(decision.targets!.decode).toBe(3);
    expect(decision.targets!.prefill).toBeGreaterThan(3);
    expect(codes(decision)).toContain("no-output-lengths-yet");
  });

  it("names each step of precision that missing inputs cost", () => {
    const plan = planner();
    const decision = plan.tick(
      observation(5000, 10, { startedIsl: [], prefillMeasuredS: null, prefillProfiledS: null, decodeLoad: null }),
    );
    expect(codes(decision)).toEqual(
      expect.arrayContaining(["degraded-isl-from-mean", "degraded-prefill-uncorrected", "degraded-decode-uncorrected"]),
    );
    expect(decision.targets).not.toBeNull();
    const byCompletions = plan.tick(observation(10_000, 10, { startedRequests: null }));
    expect(codes(byCompletions)).toContain("degraded-rate-from-completions");
  });

  it("needs more prefill workers where engines turn out slower than their profile", () => {
    const slow = planner();
    const asProfiled = planner();
    let slower: Decision | undefined;
    let profiled: Decision | undefined;
    for (let i = 1; i <= 60; i++) {
      profiled = asProfiled.tick(observation(i * 5000, 30));
      slower = slow.tick(observation(i * 5000, 30, { prefillMeasuredS: 150 * 0.08 * 1.4 }));
    }
    expect(slower!.values.prefillCorrection).toBeCloseTo(1.4, 2);
    expect(slower!.values.prefillNeedUp!).toBeGreaterThan(profiled!.values.prefillNeedUp!);
  });

  it("grows more careful while requests miss the SLA with workers enough", () => {
    const plan = planner();
    const workers = { prefill: active(9), decode: active(9) };
    const before = plan.tick(observation(5000, 20, { workers }));
    let after = before;
    for (let i = 2; i < 60; i++) {
      after = plan.tick(observation(i * 5000, 20, { workers, ttftMet: 90, itlMet: 90 }));
    }
    expect(after.values.waitShare!).toBeLessThan(before.values.waitShare!);
    expect(after.values.batchDeviations!).toBeGreaterThan(before.values.batchDeviations!);
    expect(after.values.errorQuantile!).toBeLessThan(before.values.errorQuantile!);
  });

  it("blames the forecast instead while workers are short", () => {
    const plan = planner();
    const before = plan.tick(observation(5000, 40));
    let after = before;
    for (let i = 2; i < 30; i++) after = plan.tick(observation(i * 5000, 40, { ttftMet: 100, itlMet: 100 }));
    expect(after.values.errorQuantile!).toBeGreaterThan(before.values.errorQuantile!);
    expect(after.values.waitShare!).toBeGreaterThan(before.values.waitShare!);
  });

  it("says when no number of workers can keep the SLA", () => {
    const hopeless = planner({ ...disagg, sla: { ttftMs: 60, itlMs: 3 } });
    const decision = hopeless.tick(observation(5000, 20));
    expect(codes(decision)).toEqual(expect.arrayContaining(["ttft-infeasible", "itl-infeasible"]));
    // Twenty prompts a second, 67 ms each in full passes, and a fifth in reserve, at 85 % utilisation.
    expect(decision.targets!.prefill).toBe(2);
  });

  it("plans one pool for aggregated deployments", () => {
    const agg: PlannerContext = { ...disagg, mode: "agg" };
    const decisions = follow(planner(agg), steady(20, 60), { prefill: 0, decode: 1 });
    const few = decisions.at(-1)!.targets!;
    expect(few.prefill).toBe(0);
    // Twenty prompts of 80 ms a second keep 1.6 workers busy with prefill alone.
    expect(few.decode).toBeGreaterThan(3);
    const many = follow(planner(agg), steady(40, 60), { prefill: 0, decode: 1 }).at(-1)!.targets!;
    expect(many.decode).toBeGreaterThan(few.decode);
  });

  it("keeps within the budget, explains clamps, and refuses a budget below its minimum", () => {
    const decision = follow(planner(disagg, { maxGpus: 4 }), steady(60, 3)).at(-1)!;
    expect(decision.targets!.prefill + decision.targets!.decode).toBe(4);
    expect(decision.clamps.some(({ name }) => name === "maxGpus")).toBe(true);
    expect(codes(decision)).toContain("budget");
    expect(() => planner({ ...disagg, gpusPerWorker: { prefill: 4, decode: 8 } }, { maxGpus: 8 })).toThrowError(
      expect.objectContaining({ code: "PLANNER_BUDGET_TOO_SMALL" }),
    );
  });

  it("decides the same from the same observations", () => {
    const rates = Array.from({ length: 100 }, (_, i) => 20 + 15 * Math.sin(i / 9));
    expect(follow(planner(), rates)).toEqual(follow(planner(), rates));
  });
});
