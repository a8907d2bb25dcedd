import fc from "fast-check";
import { expect } from "vitest";
import { createPlanner, type Observation, type PlannerContext, plannerConfigSchema, type Role } from "#planner/core";
import { active, anyReport, disagg, none, observation, testSurface } from "../../planner/observations.ts";
import { type Campaign, checkProperty } from "../campaign.ts";

interface Case {
  reports: [Partial<Observation>, number][];
  gpus: PlannerContext["gpusPerWorker"];
  startupMs: number;
  maxGpus: number;
  mode: "agg" | "disagg";
}

const anyCase: fc.Arbitrary<Case> = fc.record({
  reports: fc.array(fc.tuple(anyReport, fc.integer({ min: 0, max: 3 })), { minLength: 1, maxLength: 60 }),
  gpus: fc.record({ prefill: fc.constantFrom(1, 2, 4), decode: fc.constantFrom(1, 2, 8) }),
  startupMs: fc.constantFrom(0, 30_000, 120_000),
  maxGpus: fc.integer({ min: 12, max: 60 }),
  mode: fc.constantFrom("agg", "disagg"),
});

/** Follows the decisions as a cluster would, and holds each to what is promised. */
function check({ reports, gpus, startupMs, maxGpus, mode }: Case): void {
  const roles: Role[] = mode === "agg" ? ["decode"] : ["prefill", "decode"];
  const context = { ...disagg, mode, gpusPerWorker: gpus, startupMs: { prefill: startupMs, decode: startupMs } };
  const plan = createPlanner(plannerConfigSchema.parse({ strategy: "default", maxGpus }), context, testSurface());
  const standing = { prefill: mode === "agg" ? { ...none } : active(1), decode: active(1) };
  reports.forEach(([report, drained], i) => {
    const workers = { prefill: { ...standing.prefill }, decode: { ...standing.decode } };
    const decision = plan.tick(observation((i + 1) * 5000, 0, { ...report, workers }));
    if (decision.forecast) {
      for (const value of Object.values(decision.forecast)) expect(Number.isFinite(value)).toBe(true);
    }
    for (const value of Object.values(decision.values)) expect(Number.isFinite(value)).toBe(true);
    expect(decision.reasons.length).toBeGreaterThan(0);
    const blind = report.startedRequests === null;
    for (const role of roles) {
      const now = standing[role];
      const target = decision.targets?.[role] ?? now.active + now.starting;
      expect(Number.isInteger(target)).toBe(true);
      expect(target).toBeGreaterThanOrEqual(1);
      if (blind) expect(target).toBeGreaterThanOrEqual(now.active + now.starting);
      // The actuator: starting workers are cancelled first, then active ones drain; some drained ones leave.
      let change = target - now.active - now.starting;
      if (change > 0) now.starting += change;
      const cancelled = Math.min(now.starting, Math.max(0, -change));
      now.starting -= cancelled;
      change += change < 0 ? cancelled : 0;
      if (change < 0) {
        now.active += change;
        now.draining -= change;
      }
    }
    const allocated = roles.reduce(
      (sum, role) => sum + gpus[role] * (standing[role].active + standing[role].starting + standing[role].draining),
      0,
    );
    expect(allocated).toBeLessThanOrEqual(maxGpus);
    for (const role of roles) {
      const now = standing[role];
      now.draining = Math.max(0, now.draining - drained);
      now.active += now.starting;
      now.starting = 0;
    }
  });
}

export const campaign: Campaign = {
  name: "planner-default-safety",
  proves:
    "the default strategy exceeds no budget, draining workers included, yields no NaN, and gives nothing up on missing data",
  cases: "deployments under random reports",
  sliceRuns: 200,
  soakRuns: 100_000,
  run: (count, seed, control) => checkProperty(fc.property(anyCase, check), count, seed, control),
};
