/**
 * Traffic and deployment of the planner's benchmarks, on the measured profile of a Llama 3.1 8B (FP8, TP1) on an H200.
 * Prefill and decode engines replay the profile's robust surfaces; a KV transfer takes 10 ms for 3000 tokens; SLA 200/10 ms.
 */
import { engineConfig, profileTiming } from "#mocker/engine";
import { createPlanner, type PlannerConfigInput, plannerConfigSchema } from "#planner/core";
import { buildSurface, loadProfile } from "#profiles";
import type { Distribution, RateShape, TrafficEntry, Workload } from "#scenarios";
import type { RunRecord } from "#src/record";
import { type PoolSpec, type SimulationSpec, simulate } from "#src/simulator";
import { referencePath } from "../test/reference-path.ts";

/** Settings of the default strategy. */
export type PlannerSettings = Omit<PlannerConfigInput & { strategy: "default" }, "strategy">;

const SLA = { ttftMs: 200, itlMs: 10 };
const TRANSFER_MS_PER_TOKEN = 10 / 3000;
const BYTES_PER_TOKEN = 131_072;
const BLOCK_SIZE = 64;

export const fixed = (value: number): Distribution => ({ kind: "fixed", value });
export const spread = (mean: number, sigma: number): Distribution => ({ kind: "lognormal", mean, sigma });

export function entry(
  durationS: number,
  rate: RateShape,
  isl: Distribution = fixed(3000),
  osl: Distribution = fixed(300),
  arrivals: Extract<TrafficEntry, { kind: "open" }>["arrivals"] = { kind: "poisson" },
): TrafficEntry[] {
  const content = { patterns: [{ share: null, isl, osl }], sessions: null, prefix: null, blockTokens: BLOCK_SIZE };
  return [{ kind: "open", startMs: 0, durationMs: durationS * 1000, rate, arrivals, content }];
}

/** Jumps between two rates at random: requests/s, and the mean stay in s. */
export function moods(...states: [number, number][]): RateShape {
  return { kind: "mmpp", states: states.map(([rate, stayS]) => ({ rate, meanStayMs: stayS * 1000 })) };
}

/** Traffic by name: rates in requests/s, 3000 prompt and 300 output tokens a request. */
export const TRAFFIC: Record<string, TrafficEntry[]> = {
  sin: entry(1800, { kind: "sinusoid", min: 5, max: 45, periodMs: 600_000, phase: 0 }, fixed(3000), fixed(300)),
  // Two days of which each hour lasts 150 s.
  day: entry(
    7200,
    {
      kind: "diurnal",
      base: 4,
      dayMs: 3_600_000,
      peaks: [
        { hour: 11, height: 30, widthHours: 2.4 },
        { hour: 20, height: 38, widthHours: 2 },
      ],
    },
    spread(3000, 0.3),
    spread(300, 0.3),
  ),
  const20: entry(1800, { kind: "constant", rate: 20 }, fixed(3000), fixed(300)),
  flash: entry(
    1800,
    { kind: "burst", base: 8, peak: 32, startsMs: [600_000, 1_300_000], lengthMs: 120_000 },
    fixed(3000),
    fixed(300),
  ),
  mmpp: entry(1800, moods([6, 60], [24, 30]), fixed(3000), fixed(300)),
  mmppslow: entry(2400, moods([6, 240], [30, 120]), spread(3000, 0.2), spread(300, 0.2)),
  const9: entry(1800, { kind: "constant", rate: 9 }, spread(3000, 0.2), spread(300, 0.2)),
};

const profile = loadProfile(referencePath("profiles", "h200-llama31-8b-fp8-tp1"));
const surface = buildSurface(profile, "robust");

function pool(role: "prefill" | "decode", workers: number, startupMs: number): PoolSpec {
  const numGpuBlocks = Math.floor(surface.maxKvTokens / BLOCK_SIZE);
  const timing = profileTiming(surface);
  return {
    workers,
    engine: engineConfig({ role, timing, numGpuBlocks, blockSize: BLOCK_SIZE }),
    dpSize: 1,
    gpusPerWorker: 1,
    startupMs,
  };
}

/** The deployment that serves the traffic, without a planner. */
export function deployment(
  workload: Workload,
  workers: { prefill: number; decode: number },
  startupMs: number,
): SimulationSpec {
  return {
    name: "gate",
    seed: 1,
    workload,
    prefill: pool("prefill", workers.prefill, startupMs),
    decode: pool("decode", workers.decode, startupMs),
    router: "least-loaded",
    transfer: {
      bytesPerToken: BYTES_PER_TOKEN,
      bytesPerSecond: (BYTES_PER_TOKEN / TRANSFER_MS_PER_TOKEN) * 1000,
      timing: "full_prompt",
    },
    sla: SLA,
    quirks: { passesBeforeArrivals: false },
    engine: "skipping",
    minEndMs: workload.horizonMs,
  };
}

export function run(
  workload: Workload,
  workers: { prefill: number; decode: number },
  startupMs: number,
  planner: PlannerSettings | null,
): RunRecord {
  const spec = deployment(workload, workers, startupMs);
  if (planner === null) return simulate(spec);
  const context = {
    mode: "disagg" as const,
    sla: SLA,
    gpusPerWorker: { prefill: 1, decode: 1 },
    startupMs: { prefill: startupMs, decode: startupMs },
    transferMsPerToken: TRANSFER_MS_PER_TOKEN,
  };
  const config = plannerConfigSchema.parse({ strategy: "default", ...planner });
  return simulate({ ...spec, planner: createPlanner(config, context, surface) });
}

/** Workers that the traffic's first 30 s need, roughly: what an operator would begin with. */
export function initialWorkers(workload: Workload): { prefill: number; decode: number } {
  const rate = workload.arrivalMs.filter((atMs) => atMs < 30_000).length / 30;
  return { prefill: Math.max(1, Math.ceil(rate / 13)), decode: Math.max(1, Math.ceil(rate / 13)) };
}
