import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createPlanner, type Planner, plannerConfigSchema } from "#planner/core";
import { active, anyReport, disagg, observation, testSurface } from "./observations.ts";

function planner(settings: Record<string, unknown>): Planner {
  return createPlanner(plannerConfigSchema.parse({ strategy: "default", ...settings }), disagg, testSurface());
}

describe("a limit on the workers that a decision adds or takes", () => {
  it("is kept up and down, and gets there step by step", () => {
    const plan = planner({ maxStep: 2 });
    const free = planner({}).tick(observation(5000, 60)).targets!;
    const standing = { prefill: 1, decode: 1 };
    const steps: number[] = [];
    for (let tick = 1; tick <= 60; tick++) {
      const workers = { prefill: active(standing.prefill), decode: active(standing.decode) };
      const decision = plan.tick(observation(tick * 5000, tick <= 20 ? 60 : 1, { workers }));
      if (decision.targets !== null) {
        steps.push(decision.targets.prefill - standing.prefill, decision.targets.decode - standing.decode);
        Object.assign(standing, decision.targets);
      }
      if (tick === 1) {
        expect(decision.targets).toEqual({ prefill: 3, decode: 3 });
        expect(decision.clamps).toContainEqual({ name: "maxStep", role: "prefill", from: free.prefill, to: 3 });
        expect(decision.reasons.map(({ code }) => code)).toContain("step-limit");
      }
      if (tick === 10) expect(standing.prefill).toBeGreaterThanOrEqual(free.prefill - 1);
    }
    expect(Math.max(...steps.map(Math.abs))).toBe(2);
    expect(standing).toEqual({ prefill: 1, decode: 1 });
  });

  it("keeps the budget, also where one role is to give workers to the other", () => {
    fc.assert(
      fc.property(
        fc.array(anyReport, { minLength: 1, maxLength: 40 }),
        fc.integer({ min: 1, max: 3 }),
        fc.integer({ min: 4, max: 20 }),
        (reports, maxStep, maxGpus) => {
          const plan = planner({ maxStep, maxGpus });
          const standing = { prefill: 1, decode: 1 };
          reports.forEach((report, i) => {
            const workers = { prefill: active(standing.prefill), decode: active(standing.decode) };
            const { targets } = plan.tick(observation((i + 1) * 5000, 0, { ...report, workers }));
            if (targets === null) return;
            // Those that go keep their GPUs for now.
            const held = Math.max(standing.prefill, targets.prefill) + Math.max(standing.decode, targets.decode);
            expect(held).toBeLessThanOrEqual(maxGpus);
            Object.assign(standing, targets);
          });
        },
      ),
      { numRuns: 150 },
    );
  });

  it("gives way where too many GPUs are in use", () => {
    const plan = planner({ maxStep: 1, maxGpus: 10 });
    const workers = { prefill: active(12), decode: active(12) };
    const { targets } = plan.tick(observation(5000, 40, { workers }));
    expect(targets!.prefill + targets!.decode).toBeLessThanOrEqual(10 + 14);
    expect(targets!.prefill).toBeLessThan(11);
  });
});
