import fc from "fast-check";
import { expect } from "vitest";
import { createPlanner, type Observation, plannerConfigSchema, surfaceFamilyOf } from "#planner/core";
import { buildSurface } from "#profiles";
import { active, anyReport, disagg, observation, testProfile } from "../../planner/observations.ts";
import { type Campaign, checkProperty } from "../campaign.ts";

const SURFACES = { robust: buildSurface(testProfile, "robust"), compat: buildSurface(testProfile, "compat") };
const small = { predictor: "constant", interval: "5s" };

/** Every strategy, with settings that reach all of its parts. */
const SETTINGS = [
  { strategy: "default" },
  { strategy: "default", maxStep: 2, maxGpus: { total: 30, prefill: 12 }, minWorkers: 0, scaleToZeroDelay: "30s" },
  { strategy: "sla-compat", ...small },
  { strategy: "sla-compat", ...small, predictor: "ensemble", requestCount: "started" },
  { strategy: "load-compat", ...small, target: "throughput", contextLength: 8192 },
  {
    strategy: "load-compat",
    ...small,
    target: "sla",
    throughputInterval: "10s",
    scaling: { load: true, throughput: true },
  },
  { strategy: "static", prefill: 2, decode: 3 },
  { strategy: "none" },
];

function check(settings: Record<string, unknown>, reports: Partial<Observation>[]): void {
  const config = plannerConfigSchema.parse(settings);
  const make = () =>
    createPlanner(config, { ...disagg, profile: testProfile }, SURFACES[surfaceFamilyOf(config.strategy)]);
  const planner = make();
  const twin = make();
  const standing = { prefill: 1, decode: 1 };
  reports.forEach((report, i) => {
    const workers = { prefill: active(standing.prefill), decode: active(standing.decode) };
    const seen = observation((i + 1) * 5000, 0, { ...report, workers });
    const decision = planner.tick(seen);
    expect(twin.tick(seen), "the same again").toEqual(decision);
    expect(decision.reasons.length).toBeGreaterThan(0);
    if (decision.targets === null) return;
    for (const count of [decision.targets.prefill, decision.targets.decode]) {
      expect(Number.isSafeInteger(count) && count >= 0, `target ${count}`).toBe(true);
    }
    // A cluster of this size is never there, whatever is asked for.
    standing.prefill = Math.min(50, decision.targets.prefill);
    standing.decode = Math.min(50, decision.targets.decode);
  });
}

export const campaign: Campaign = {
  name: "planner-strategies",
  proves: "every strategy decides the same from the same, gives its reasons, and wants whole numbers of workers",
  cases: "strategies under random reports",
  sliceRuns: 1000,
  soakRuns: 10_000,
  run: (count, seed, control) =>
    checkProperty(
      fc.property(fc.constantFrom(...SETTINGS), fc.array(anyReport, { minLength: 1, maxLength: 40 }), check),
      count,
      seed,
      control,
    ),
};
