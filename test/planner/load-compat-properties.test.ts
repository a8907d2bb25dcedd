import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  boundPair,
  boundSingle,
  createPlanner,
  type ForwardPass,
  type Observation,
  type Planner,
  type PlannerContext,
  plannerConfigSchema,
  type Role,
  withinPower,
} from "#planner/core";
import { anyReport, disagg, observation, testProfile, testSurface } from "./observations.ts";

const RUNS = Number(process.env.UNDERSTUDY_FUZZ_RUNS ?? 300);
const seed = (fallback: number) => Number(process.env.UNDERSTUDY_FUZZ_SEED ?? fallback);
const whole = (max: number, min = 0) => fc.integer({ min, max });
const byRole = <T>(arbitrary: fc.Arbitrary<T>) => fc.record({ prefill: arbitrary, decode: arbitrary });

describe("GPU bounds", () => {
  it("two pools never take more than the upper one, and keep their minimum or get nothing", () => {
    fc.assert(
      fc.property(
        byRole(whole(30)),
        byRole(whole(8, 1)),
        byRole(whole(4)),
        fc.option(whole(60)),
        whole(60),
        (wanted, gpus, minimum, minGpus, maxGpus) => {
          const found = boundPair(wanted, gpus, { minGpus, maxGpus }, minimum);
          expect(found.prefill * gpus.prefill + found.decode * gpus.decode).toBeLessThanOrEqual(maxGpus);
          for (const role of ["prefill", "decode"] as const) {
            const isKept = found[role] >= Math.min(minimum[role], wanted[role]);
            expect(isKept || (found.prefill === 0 && found.decode === 0)).toBe(true);
          }
        },
      ),
      { numRuns: RUNS, seed: seed(1) },
    );
  });

  it("one pool keeps the upper one as long as the lower one does not raise it; there the reference goes above", () => {
    fc.assert(
      fc.property(whole(30), whole(8, 1), whole(60), whole(4), (wanted, gpus, maxGpus, minimum) => {
        const found = boundSingle(wanted, gpus, { minGpus: null, maxGpus }, minimum);
        expect(found * gpus).toBeLessThanOrEqual(maxGpus);
      }),
      { numRuns: RUNS, seed: seed(2) },
    );
    expect(boundSingle(0, 4, { minGpus: 5, maxGpus: 7 }, 0) * 4).toBe(8);
  });
});

describe("the power limit", () => {
  const request = fc.record({
    wanted: byRole(whole(12)),
    current: byRole(whole(12)),
    wattsPerReplica: byRole(fc.constantFrom(350, 500, 700, 1400)),
    limitWatts: whole(12_000, 700),
    minimum: byRole(whole(2)),
  });

  it("holds for whatever was cut down, and growth never waits where it fits", () => {
    fc.assert(
      fc.property(request, (given) => {
        const { targets, outcome } = withinPower(given);
        const watts = ({ prefill, decode }: { prefill: number | null; decode: number | null }) =>
          (prefill ?? 0) * given.wattsPerReplica.prefill + (decode ?? 0) * given.wattsPerReplica.decode;
        if (outcome === null || outcome === "power_budget_clamped") {
          expect(watts(targets)).toBeLessThanOrEqual(given.limitWatts);
        }
        if (outcome === "power_rebalance_staged") {
          // As in the reference: no more than what stands, but that may already be too much.
          for (const role of ["prefill", "decode"] as const)
            expect(targets[role]!).toBeLessThanOrEqual(given.current[role]);
        }
        if (outcome === "infeasible") expect(watts(given.minimum)).toBeGreaterThan(given.limitWatts);
      }),
      { numRuns: RUNS, seed: seed(3) },
    );
  });
});

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
    loads?.map(({ queuedTokens, prefillTokens, sequences, kvTokens, wallTimeS }, i) => ({
      workerId: `w${i}`,
      dpRank: 0,
      counterId: 1,
      wallTimeS,
      scheduled: {
        prefillRequests: prefillTokens > 0 ? 1 : 0,
        prefillTokens,
        prefillKvTokens: 0,
        decodeRequests: sequences,
        decodeKvTokens: sequences > 0 ? kvTokens : 0,
      },
      queued: {
        prefillRequests: queuedTokens > 0 ? 1 : 0,
        prefillTokens: queuedTokens,
        decodeRequests: 0,
        decodeKvTokens: 0,
      },
    })) ?? null
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

const rolesOf = (mode: PlannerContext["mode"]): Role[] =>
  mode === "disagg" ? ["prefill", "decode"] : [mode === "prefill" ? "prefill" : "decode"];

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

/** Plays ticks with a deployment that does at once what is decided. */
function play(settings: Settings, ticks: (typeof anyTick extends fc.Arbitrary<infer T> ? T : never)[]) {
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

describe("load-compat, whatever is reported", () => {
  const ticks = fc.array(anyTick, { minLength: 1, maxLength: 12 });

  it("never exceeds the GPU budget, keeps the minimum, and names a reason for what its loops did", () => {
    fc.assert(
      fc.property(anySettings, ticks, (settings, reported) => {
        const roles = rolesOf(settings.mode);
        for (const { decision } of play(settings, reported)) {
          const { targets } = decision;
          if (targets === null) continue;
          const gpus = roles.reduce((sum, role) => sum + targets[role] * settings.gpus[role], 0);
          expect(gpus).toBeLessThanOrEqual(maxGpusOf(settings));
          for (const role of roles) {
            expect(targets[role]).toBeGreaterThanOrEqual(settings.minWorkers[role]);
            expect(Number.isInteger(targets[role])).toBe(true);
          }
        }
      }),
      { numRuns: RUNS, seed: seed(4) },
    );
  });

  it("decides nothing on missing data, but for the minimum", () => {
    fc.assert(
      fc.property(anySettings, ticks, (settings, reported) => {
        const blind = reported.map((tick) => ({
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
          for (const { code } of decision.reasons) {
            expect(["no-fpm-data", "no-traffic-data"]).toContain(code);
          }
        }
      }),
      { numRuns: RUNS, seed: seed(5) },
    );
  });

  it("decides the same on the same", () => {
    fc.assert(
      fc.property(anySettings, ticks, (settings, reported) => {
        const decisions = () => play(settings, reported).map(({ decision }) => decision);
        expect(decisions()).toEqual(decisions());
      }),
      { numRuns: Math.ceil(RUNS / 3), seed: seed(6) },
    );
  });

  it("says numbers in its values, and nothing else", () => {
    fc.assert(
      fc.property(anySettings, ticks, (settings, reported) => {
        for (const { decision } of play(settings, reported)) {
          for (const [name, value] of Object.entries(decision.values))
            expect([name, Number.isFinite(value)]).toEqual([name, true]);
        }
      }),
      { numRuns: Math.ceil(RUNS / 3), seed: seed(7) },
    );
  });
});
