import type { Surface, SurfaceFamily } from "#profiles";
import { hpaStrategy } from "./autoscalers/hpa.ts";
import { kedaStrategy } from "./autoscalers/keda.ts";
import type { PlannerConfig } from "./config.ts";
import { defaultStrategy } from "./default-strategy.ts";
import { kvCapacityMissing, profileMissing, unsupportedMode } from "./errors.ts";
import { noneStrategy, staticStrategy } from "./fixed-strategies.ts";
import { checkLimits, type ResourceLimit, resourceLimits } from "./limits.ts";
import { createLoadCompat } from "./load-compat/create.ts";
import { rolesOf } from "./roles.ts";
import { slaCompatStrategy } from "./sla-compat.ts";
import { withStepLimit } from "./step-limit.ts";
import type { Planner, PlannerContext } from "./types.ts";

/** The surfaces a strategy is meant to read. */
export function surfaceFamilyOf(strategy: PlannerConfig["strategy"]): SurfaceFamily {
  return strategy === "sla-compat" || strategy === "load-compat" ? "compat" : "robust";
}

/** Whether a strategy plans with the measurements of a profile; others live without one. */
export function needsProfile(strategy: PlannerConfig["strategy"]): boolean {
  return strategy === "default" || strategy === "sla-compat";
}

/**
 * A planner for one deployment; it keeps state from tick to tick.
 * @param surface of the deployment's profile, of the family that `surfaceFamilyOf` names; null: there is none, so that only strategies
 * that `needsProfile` does not name can plan
 * @throws UserError PLANNER_MODE_UNSUPPORTED, PLANNER_BUDGET_TOO_SMALL, PLANNER_LIMITS_MISSING, PLANNER_PROFILE_MISSING,
 * PLANNER_KV_CAPACITY_MISSING
 */
export function createPlanner(config: PlannerConfig, context: PlannerContext, surface: Surface | null): Planner {
  const intervalMs = config.interval;
  switch (config.strategy) {
    case "default": {
      if (surface === null) throw profileMissing(config.strategy);
      const roles = rolesOf(context.mode);
      const minWorkers = { prefill: 0, decode: 0 };
      for (const role of roles) minWorkers[role] = config.minWorkers[role];
      const limits = defaultLimits(config, context);
      checkLimits(limits, roles, minWorkers);
      const { minGpus, scaleDownDelay: scaleDownDelayMs, scaleToZeroDelay: scaleToZeroDelayMs } = config;
      const options = { intervalMs, limits, minGpus, minWorkers, scaleDownDelayMs, scaleToZeroDelayMs };
      const planner = defaultStrategy(options, context, surface);
      return config.maxStep === undefined ? planner : withStepLimit(planner, config.maxStep, roles);
    }
    case "sla-compat": {
      if (context.mode !== "disagg") throw unsupportedMode(config.strategy, context.mode);
      if (surface === null) throw profileMissing(config.strategy);
      const { maxGpus, minWorkers, predictor, correction, requestCount } = config;
      return slaCompatStrategy(
        { intervalMs, maxGpus, minWorkers, predictor, correction, requestCount },
        context,
        surface,
      );
    }
    case "load-compat":
      return createLoadCompat(config, context, surface);
    case "hpa": {
      const options = autoscalerOptions(config, context);
      const profileKvTokens = surface?.maxKvTokens ?? context.kvTokensPerRank;
      if (profileKvTokens === undefined && config.decode?.kvPercent !== undefined) throw kvCapacityMissing();
      return hpaStrategy(
        { ...options, targets: { prefill: config.prefill ?? {}, decode: config.decode ?? {} } },
        context,
        profileKvTokens ?? Number.POSITIVE_INFINITY,
      );
    }
    case "keda": {
      const { pollingInterval: pollingMs, cooldownPeriod: cooldownMs, prefill, decode } = config;
      const options = autoscalerOptions(config, context);
      return kedaStrategy({ ...options, pollingMs, cooldownMs, triggers: { prefill, decode } }, context);
    }
    case "static":
      return staticStrategy(intervalMs, { prefill: config.prefill, decode: config.decode });
    case "none":
      return noneStrategy(intervalMs);
  }
}

function autoscalerOptions(config: PlannerConfig & { strategy: "hpa" | "keda" }, context: PlannerContext) {
  const roles = rolesOf(context.mode);
  const limits = resourceLimits({ maxGpus: config.maxGpus }, context.gpusPerWorker);
  checkLimits(limits, roles, config.minWorkers);
  return {
    intervalMs: config.interval,
    limits,
    minWorkers: config.minWorkers,
    tolerance: config.tolerance,
    upStabilizationMs: config.scaleUpStabilization,
    downStabilizationMs: config.scaleDownStabilization,
  };
}

function defaultLimits(config: PlannerConfig & { strategy: "default" }, context: PlannerContext): ResourceLimit[] {
  const { maxGpus, maxPowerWatts, powerPerWorker: wattsPerWorker } = config;
  const { total, ...maxGpusOf } = typeof maxGpus === "object" ? maxGpus : { total: maxGpus };
  return resourceLimits(
    { maxGpus: total, maxGpusOf, maxPowerWatts, ...(wattsPerWorker === undefined ? {} : { wattsPerWorker }) },
    context.gpusPerWorker,
  );
}
