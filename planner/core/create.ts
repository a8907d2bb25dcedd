import type { Surface, SurfaceFamily } from "#profiles";
import type { PlannerConfig } from "./config.ts";
import { defaultStrategy } from "./default-strategy.ts";
import { budgetTooSmall, unsupportedMode } from "./errors.ts";
import { noneStrategy, staticStrategy } from "./fixed-strategies.ts";
import { createLoadCompat } from "./load-compat/create.ts";
import { slaCompatStrategy } from "./sla-compat.ts";
import type { Planner, PlannerContext, Targets } from "./types.ts";

/** The surfaces a strategy is meant to read. */
export function surfaceFamilyOf(strategy: PlannerConfig["strategy"]): SurfaceFamily {
  return strategy === "sla-compat" || strategy === "load-compat" ? "compat" : "robust";
}

/**
 * A planner for one deployment; it keeps state from tick to tick.
 * @param surface of the deployment's profile, of the family that `surfaceFamilyOf` names
 * @throws UserError PLANNER_MODE_UNSUPPORTED, PLANNER_BUDGET_TOO_SMALL, PLANNER_LIMITS_MISSING
 */
export function createPlanner(config: PlannerConfig, context: PlannerContext, surface: Surface): Planner {
  const intervalMs = config.interval;
  switch (config.strategy) {
    case "default": {
      const maxGpus = config.maxGpus ?? Number.POSITIVE_INFINITY;
      const minWorkers = context.mode === "agg" ? { prefill: 0, decode: config.minWorkers.decode } : config.minWorkers;
      const neededGpus = gpusOf(minWorkers, context);
      if (neededGpus > maxGpus) throw budgetTooSmall(maxGpus, neededGpus);
      return defaultStrategy(
        { intervalMs, maxGpus, minWorkers, scaleDownDelayMs: config.scaleDownDelay },
        context,
        surface,
      );
    }
    case "sla-compat": {
      if (context.mode !== "disagg") throw unsupportedMode(config.strategy, context.mode);
      const { maxGpus, minWorkers, predictor, correction, requestCount } = config;
      return slaCompatStrategy(
        { intervalMs, maxGpus, minWorkers, predictor, correction, requestCount },
        context,
        surface,
      );
    }
    case "load-compat":
      return createLoadCompat(config, context, surface);
    case "static":
      return staticStrategy(intervalMs, { prefill: config.prefill, decode: config.decode });
    case "none":
      return noneStrategy(intervalMs);
  }
}

function gpusOf(workers: Targets, { gpusPerWorker }: PlannerContext): number {
  return workers.prefill * gpusPerWorker.prefill + workers.decode * gpusPerWorker.decode;
}
