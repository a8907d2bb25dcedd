import { engineConfig, profileTiming } from "#mocker/engine";
import { createPlanner, type Planner, type PlannerContext, plannerConfigSchema } from "#planner/core";
import type { Surface } from "#profiles";
import { buildWorkload, type Distribution, type RateShape, type TrafficEntry, type Workload } from "#scenarios";
import type { RunRecord } from "#src/record";
import { type PoolSpec, type SimulationSpec, simulate } from "#src/simulator";
import { disagg, testSurface } from "./observations.ts";

const BLOCK = 64;
const fixed = (value: number): Distribution => ({ kind: "fixed", value });

/** Arrivals, Poisson ones unless others are given, of 3000 prompt and `osl` output tokens. */
export function traffic(
  rate: RateShape,
  minutes: number,
  seed: number,
  osl = 300,
  arrivals: Extract<TrafficEntry, { kind: "open" }>["arrivals"] = { kind: "poisson" },
): Workload {
  const content = {
    patterns: [{ share: null, isl: fixed(3000), osl: fixed(osl) }],
    sessions: null,
    prefix: null,
    blockTokens: BLOCK,
  };
  return buildWorkload([{ kind: "open", startMs: 0, durationMs: minutes * 60_000, rate, arrivals, content }], { seed });
}

export interface Loop {
  workload: Workload;
  mode?: "agg" | "disagg";
  /** Workers at the start. */
  workers?: { prefill: number; decode: number };
  dpSize?: number;
  router?: SimulationSpec["router"];
  startupMs?: number;
  gpusPerWorker?: { prefill: number; decode: number };
  /** What the engines do; the planner's own surface unless they differ from their profile. */
  engines?: Surface;
  /** Settings of the default strategy. */
  settings?: Record<string, unknown>;
  context?: Partial<PlannerContext>;
  /** Around the strategy. */
  wrap?: (planner: Planner) => Planner;
}

/** The default strategy in the simulator, on the invented engine of observations.ts. */
export function loop(options: Loop): RunRecord {
  const { workload, mode = "disagg", workers = { prefill: 1, decode: 1 }, dpSize = 1, startupMs = 0 } = options;
  const gpusPerWorker = options.gpusPerWorker ?? { prefill: 1, decode: 1 };
  const surface = testSurface();
  const engines = options.engines ?? surface;
  const numGpuBlocks = Math.floor(surface.maxKvTokens / BLOCK);
  const pool = (role: "prefill" | "decode", played = engines): PoolSpec => ({
    workers: workers[role],
    engine: engineConfig({
      role: mode === "agg" ? "aggregated" : role,
      timing: profileTiming(played),
      numGpuBlocks,
      blockSize: BLOCK,
    }),
    dpSize,
    gpusPerWorker: gpusPerWorker[role],
    startupMs,
  });
  const context: PlannerContext = {
    ...disagg,
    mode,
    gpusPerWorker: mode === "agg" ? { ...gpusPerWorker, prefill: 0 } : gpusPerWorker,
    ranksPerWorker: { prefill: dpSize, decode: dpSize },
    startupMs: { prefill: startupMs, decode: startupMs },
    ...options.context,
  };
  const planner = createPlanner(
    plannerConfigSchema.parse({ strategy: "default", ...options.settings }),
    context,
    surface,
  );
  return simulate({
    name: "loop",
    seed: 1,
    workload,
    prefill: mode === "agg" ? null : pool("prefill"),
    profiledPrefill: pool(mode === "agg" ? "decode" : "prefill", surface).engine,
    decode: pool("decode"),
    router: options.router ?? "least-loaded",
    transfer: mode === "agg" ? null : { bytesPerToken: 131_072, bytesPerSecond: 64e9, timing: "full_prompt" },
    sla: context.sla,
    quirks: { passesBeforeArrivals: false },
    engine: "skipping",
    minEndMs: workload.horizonMs,
    planner: options.wrap?.(planner) ?? planner,
  });
}
