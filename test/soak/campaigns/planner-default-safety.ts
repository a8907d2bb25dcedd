import fc from "fast-check";
import { expect } from "vitest";
import {
  createPlanner,
  type Decision,
  type Limits,
  type Observation,
  type PlannerContext,
  plannerConfigSchema,
  type Role,
  resourceLimits,
  rolesOf,
} from "#planner/core";
import { anyReport, disagg, none, observation, testSurface } from "../../planner/observations.ts";
import { type Campaign, checkProperty } from "../campaign.ts";

interface Case {
  /** What is reported tick by tick, and how many draining workers leave after it. */
  reports: [Partial<Observation>, number][];
  mode: PlannerContext["mode"];
  gpus: PlannerContext["gpusPerWorker"];
  ranks: number;
  startupMs: number;
  maxGpus: number | { total: number; prefill: number | undefined; decode: number | undefined };
  maxPowerWatts: number | undefined;
  minGpus: number;
  minWorkers: number;
}

const optional = (arbitrary: fc.Arbitrary<number>) => fc.option(arbitrary, { nil: undefined });
const anyCase: fc.Arbitrary<Case> = fc.record({
  reports: fc.array(fc.tuple(anyReport, fc.integer({ min: 0, max: 3 })), { minLength: 1, maxLength: 40 }),
  mode: fc.constantFrom("agg", "disagg", "prefill", "decode"),
  gpus: fc.record({ prefill: fc.constantFrom(1, 2, 4), decode: fc.constantFrom(1, 2, 8) }),
  ranks: fc.constantFrom(1, 1, 4),
  startupMs: fc.constantFrom(0, 30_000, 120_000),
  maxGpus: fc.oneof(
    fc.integer({ min: 24, max: 60 }),
    fc.record({
      total: fc.integer({ min: 24, max: 60 }),
      prefill: optional(fc.integer({ min: 8, max: 40 })),
      decode: optional(fc.integer({ min: 16, max: 40 })),
    }),
  ),
  maxPowerWatts: optional(fc.integer({ min: 6000, max: 40_000 })),
  minGpus: fc.constantFrom(0, 0, 10),
  minWorkers: fc.constantFrom(0, 1, 2),
});

const WATTS = { prefill: 700, decode: 1400 };

/** Follows the decisions as a cluster would, and holds each to what is promised. */
function check({ reports, mode, gpus, ranks, startupMs, maxGpus, maxPowerWatts, minGpus, minWorkers }: Case): void {
  const roles = rolesOf(mode);
  const context: PlannerContext = {
    ...disagg,
    mode,
    gpusPerWorker: gpus,
    ranksPerWorker: { prefill: ranks, decode: ranks },
    startupMs: { prefill: startupMs, decode: startupMs },
  };
  const power = maxPowerWatts === undefined ? {} : { maxPowerWatts, powerPerWorker: WATTS };
  const settings = { strategy: "default", maxGpus, minGpus, minWorkers, scaleToZeroDelay: "10s", ...power };
  const plan = createPlanner(plannerConfigSchema.parse(settings), context, testSurface());
  const limits = limitsOf(maxGpus, maxPowerWatts, gpus);
  const standing = { prefill: { ...none }, decode: { ...none } };
  for (const role of roles) standing[role].active = Math.max(1, minWorkers);
  reports.forEach(([report, drained], i) => {
    const workers = { prefill: { ...standing.prefill }, decode: { ...standing.decode } };
    const decision = plan.tick(observation((i + 1) * 5000, 0, { ...report, workers }));
    expectSound(decision);
    if (report.startedRequests === null && report.completedRequests === null) expect(decision.targets).toBeNull();
    for (const role of roles) {
      const now = standing[role];
      const target = decision.targets?.[role] ?? now.active + now.starting;
      if (decision.targets !== null) expectMinimum(decision, role, target, minWorkers);
      if (report.startedRequests === null) expect(target).toBeGreaterThanOrEqual(now.active + now.starting);
      act(now, target);
    }
    for (const { name, amount, perWorker } of limits) {
      let used = 0;
      for (const role of roles) {
        const { active, starting, draining } = standing[role];
        used += perWorker[role] * (active + starting + draining);
      }
      expect(used, name).toBeLessThanOrEqual(amount);
    }
    for (const role of roles) {
      const now = standing[role];
      now.draining = Math.max(0, now.draining - drained);
      now.active += now.starting;
      now.starting = 0;
    }
  });
}

function limitsOf(maxGpus: Case["maxGpus"], maxPowerWatts: number | undefined, gpus: Case["gpus"]) {
  const gpuLimits: Limits =
    typeof maxGpus === "number"
      ? { maxGpus }
      : { maxGpus: maxGpus.total, maxGpusOf: { prefill: maxGpus.prefill, decode: maxGpus.decode } };
  return resourceLimits({ ...gpuLimits, maxPowerWatts, wattsPerWorker: WATTS }, gpus);
}

function expectSound(decision: Decision): void {
  for (const value of Object.values(decision.forecast ?? {})) expect(Number.isFinite(value)).toBe(true);
  for (const value of Object.values(decision.values)) expect(Number.isFinite(value)).toBe(true);
  for (const value of Object.values(decision.targets ?? {})) expect(Number.isInteger(value)).toBe(true);
  expect(decision.reasons.length).toBeGreaterThan(0);
}

/** The minimum is kept, or a reason says why not. */
function expectMinimum({ reasons }: Decision, role: Role, target: number, minimum: number): void {
  if (target >= minimum) return;
  expect(reasons.some((reason) => reason.code === "minimum-unmet" && reason.role === role)).toBe(true);
}

/** Starting workers are cancelled first, then active ones drain. */
function act(now: { active: number; starting: number; draining: number }, target: number): void {
  const change = target - now.active - now.starting;
  if (change >= 0) {
    now.starting += change;
    return;
  }
  const cancelled = Math.min(now.starting, -change);
  const leaving = -change - cancelled;
  now.starting -= cancelled;
  now.active -= leaving;
  now.draining += leaving;
}

export const campaign: Campaign = {
  name: "planner-default-safety",
  proves:
    "the default strategy exceeds no limit (GPUs of all or of a role, power, draining workers included), keeps its minimum or says why not, yields no NaN, and decides nothing on missing data",
  cases: "deployments under random reports",
  sliceRuns: 1000,
  soakRuns: 100_000,
  run: (count, seed, control) => checkProperty(fc.property(anyCase, check), count, seed, control),
};
