import type { Surface } from "#profiles";
import type { PlannerConfig } from "../config.ts";
import { limitsMissing } from "../errors.ts";
import { checkLimits, resourceLimits } from "../limits.ts";
import { rolesOf } from "../roles.ts";
import type { Planner, PlannerContext } from "../types.ts";
import { loadCompatStrategy } from "./load-compat.ts";

/** @throws UserError PLANNER_BUDGET_TOO_SMALL, PLANNER_LIMITS_MISSING */
export function createLoadCompat(
  config: Extract<PlannerConfig, { strategy: "load-compat" }>,
  context: PlannerContext,
  surface: Surface | null,
): Planner {
  const { target, maxGpus, minGpus, minWorkers, power } = config;
  const hasPrefill = context.mode === "disagg" || context.mode === "prefill";
  const hasDecode = context.mode !== "prefill";
  if (target === "load") {
    if (hasPrefill && config.prefillQueueTokens === undefined) throw limitsMissing("prefillQueueTokens", context.mode);
    if (hasDecode && config.decodeKvPercent === undefined) throw limitsMissing("decodeKvPercent", context.mode);
  }
  // Where the minimum does not fit, the reference would scale to zero for GPUs, and take no notice for power.
  const limits = resourceLimits(
    { maxGpus, ...(power === undefined ? {} : { maxPowerWatts: power.limitWatts, wattsPerWorker: power.perWorker }) },
    context.gpusPerWorker,
  );
  checkLimits(limits, rolesOf(context.mode), minWorkers);
  const isSla = target === "sla";
  const scaling = isSla ? (config.scaling ?? { load: false, throughput: true }) : { load: true, throughput: false };
  const loadIntervalMs = scaling.load ? config.interval : null;
  const throughputIntervalMs = scaling.throughput ? config.throughputInterval : null;
  const { prefillQueueTokens, decodeKvPercent } = config;
  return loadCompatStrategy(
    {
      intervalMs: config.tickInterval ?? greatestCommon(loadIntervalMs, throughputIntervalMs),
      loadIntervalMs,
      throughputIntervalMs,
      target,
      bounds: { maxGpus, minGpus: minGpus ?? null },
      minWorkers,
      thresholds: {
        queueTokens: prefillQueueTokens ?? null,
        kvUsage:
          decodeKvPercent === undefined ? null : { up: decodeKvPercent.up / 100, down: decodeKvPercent.down / 100 },
      },
      scaleDownSensitivity: config.scaleDownSensitivity / 100,
      speculativeNextn: config.speculativeNextn,
      regression: {
        maxSamples: config.maxFpmSamples,
        buckets: config.fpmBuckets,
        minSamples: config.minObservations,
      },
      predictor: config.predictor,
      contextLength: config.contextLength ?? longestMeasured(context),
      power: power === undefined ? null : { limitWatts: power.limitWatts, perReplica: power.perWorker },
    },
    context,
    surface,
    context.profile ?? null,
  );
}

/** Of engines that do not say how long a context they take: what their profile was measured at. */
function longestMeasured({ profile }: PlannerContext): number | null {
  return profile === undefined ? null : Math.max(...profile.prefill.isl, ...profile.decode.contextLength);
}

/** The longest time between ticks, in whole ms, at which every loop that runs comes on time. */
function greatestCommon(loadMs: number | null, throughputMs: number | null): number {
  let [a, b] = [loadMs ?? throughputMs ?? 1, throughputMs ?? loadMs ?? 1].map((ms) => Math.max(1, Math.round(ms)));
  while (b! > 0) [a, b] = [b, a! % b!];
  return a!;
}
