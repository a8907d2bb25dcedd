import fc from "fast-check";
import { expect } from "vitest";
import {
  createPlanner,
  type ForwardPass,
  type Observation,
  type Planner,
  type PlannerContext,
  plannerConfigSchema,
  type Role,
  rolesOf,
} from "#planner/core";
import { anyReport, disagg, forwardPass, observation, testProfile, testSurface } from "../../planner/observations.ts";
import { type Campaign, checkProperty } from "../campaign.ts";

const whole = (max: number, min = 0) => fc.integer({ min, max });
const byRole = <T>(arbitrary: fc.Arbitrary<T>) => fc.record({ prefill: arbitrary, decode: arbitrary });

const anyLoad = fc.record({
  queuedTokens: fc.oneof(fc.constant(0), whole(40_000)),
  prefillTokens: fc.oneof(fc.constant(0), whole(8192)),
  sequences: whole(200),
  kvTokens: whole(900_000),
  wallTimeS: fc.double({ min: 0, max: 0.5, noNaN: true }),
});
type Load = typeof anyLoad extends fc.Arbitrary<infer T> ? T : never;

function passes(loads: readonly Load[] | null): ForwardPass[] | null {
  return (
    loads?.map((load, i) => forwardPass(`w${i}`, { ...load, kvTokens: load.sequences > 0 ? load.kvTokens : 0 })) ?? null
  );
}

const anySettings = fc.record({
  mode: fc.constantFrom<PlannerContext["mode"]>("agg", "disagg", "prefill", "decode"),
  target: fc.constantFrom("throughput", "latency", "load", "sla"),
  loops: fc.constantFrom({ load: true, throughput: true }, { load: true, throughput: false }, { throughput: true }),
  gpus: byRole(whole(4, 1)),
  minWorkers: byRole(whole(2)),
  spareGpus: whole(24),
  sensitivity: whole(100),
});
type Settings = typeof anySettings extends fc.Arbitrary<infer T> ? T : never;

function maxGpusOf({ mode, gpus, minWorkers, spareGpus }: Settings): number {
  const least = rolesOf(mode).reduce((sum, role) => sum + gpus[role] * Math.max(1, minWorkers[role]), 0);
  return least + spareGpus;
}

function plannerOf(settings: Settings): Planner {
  const { mode, target, loops, gpus, minWorkers, sensitivity } = settings;
  return createPlanner(
    plannerConfigSchema.parse({
      strategy: "load-compat",
      predictor: "constant",
      interval: "5s",
      throughputInterval: "10s",
      target,
      ...(target === "sla" ? { scaling: loops } : {}),
      maxGpus: maxGpusOf(settings),
      minWorkers,
      contextLength: 16_384,
      scaleDownSensitivity: sensitivity,
      prefillQueueTokens: { up: 4000, down: 500 },
      decodeKvPercent: { up: 80, down: 40 },
    }),
    { ...disagg, mode, gpusPerWorker: gpus, profile: testProfile },
    testSurface(),
  );
}

/** What a tick reports; passes of some workers may be missing. */
const anyTick = fc.record({
  report: anyReport,
  prefill: fc.option(fc.array(anyLoad, { maxLength: 6 }), { freq: 8 }),
  decode: fc.option(fc.array(anyLoad, { maxLength: 6 }), { freq: 8 }),
  starting: fc.constantFrom(0, 0, 0, 1),
});

type Tick = typeof anyTick extends fc.Arbitrary<infer T> ? T : never;

/** Plays ticks with a deployment that does at once what is decided. */
function play(settings: Settings, ticks: readonly Tick[]) {
  const planner = plannerOf(settings);
  const standing = { prefill: 1, decode: 1 };
  return ticks.map(({ report, prefill, decode, starting }, i) => {
    const counts = (role: Role) => {
      const late = Math.min(starting, Math.max(0, standing[role] - 1));
      return { active: standing[role] - late, starting: late, draining: 0 };
    };
    const all = (loads: Load[] | null, role: Role) =>
      loads === null || loads.length === 0
        ? loads
        : Array.from({ length: counts(role).active }, (_, k) => loads[k % loads.length]!);
    const seen: Observation = observation(5000 * (i + 1), 0, {
      ...report,
      workers: { prefill: counts("prefill"), decode: counts("decode") },
      forwardPasses: { prefill: passes(all(prefill, "prefill")), decode: passes(all(decode, "decode")) },
    });
    const before = { ...standing };
    const decision = planner.tick(seen);
    if (decision.targets !== null) Object.assign(standing, decision.targets);
    return { seen, before, decision };
  });
}

function check(settings: Settings, ticks: readonly Tick[]): void {
  const roles = rolesOf(settings.mode);
  const played = play(settings, ticks);
  for (const { decision } of played) {
    const { targets, values } = decision;
    for (const [name, value] of Object.entries(values)) expect([name, Number.isFinite(value)]).toEqual([name, true]);
    if (targets === null) continue;
    const gpus = roles.reduce((sum, role) => sum + targets[role] * settings.gpus[role], 0);
    expect(gpus).toBeLessThanOrEqual(maxGpusOf(settings));
    for (const role of roles) {
      expect(targets[role]).toBeGreaterThanOrEqual(settings.minWorkers[role]);
      expect(Number.isInteger(targets[role])).toBe(true);
    }
  }
  const again = play(settings, ticks).map(({ decision }) => decision);
  expect(again).toEqual(played.map(({ decision }) => decision));
  checkBlind(settings, ticks);
}

/** Without passes and counts nothing changes, but for a role that stands below its minimum. */
function checkBlind(settings: Settings, ticks: readonly Tick[]): void {
  const blind = ticks.map((tick) => ({
    ...tick,
    prefill: null,
    decode: null,
    report: { ...tick.report, startedRequests: null, completedRequests: null },
  }));
  for (const { decision, before } of play(settings, blind)) {
    for (const role of rolesOf(settings.mode)) {
      const stands = Math.max(before[role], settings.minWorkers[role]);
      if (decision.targets !== null) expect(decision.targets[role]).toBe(stands);
    }
    for (const { code } of decision.reasons) expect(["no-fpm-data", "no-traffic-data"]).toContain(code);
  }
}

export const campaign: Campaign = {
  name: "planner-load-compat",
  proves:
    "load-compat's targets never exceed the GPU budget or fall below the minimum, it yields no NaN, decides the same on the same, and nothing on missing data but for the minimum",
  cases: "deployments under random passes and reports",
  sliceRuns: 1000,
  soakRuns: 100_000,
  run: (count, seed, control) =>
    checkProperty(
      fc.property(anySettings, fc.array(anyTick, { minLength: 1, maxLength: 12 }), check),
      count,
      seed,
      control,
    ),
};
