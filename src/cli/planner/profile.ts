import { existsSync } from "node:fs";
import { UserError } from "#common";
import { isGiven, type PlannerServiceConfig, type ReadPlannerConfig } from "#planner/config";
import { needsProfile } from "#planner/core";
import { loadProfile, type Profile } from "#profiles";
import { estimatedProfile } from "./estimated-engines.ts";
import { atField } from "./fields.ts";

/**
 * The profile that is planned with, in the order of Dynamo's bootstrap: what `aic_interpolation` describes, sampled from the estimator;
 * else `profile_results_dir`; else, where nobody names one and there is none at its usual place, the engines of `aic_perf_model`. Sweeping
 * mode `thorough` means measurements alone, `none` that nothing was sampled. Null: there is none, and the strategy does without:
 * it learns from live forward passes, or asks for none.
 * @throws UserError PLANNER_PROFILE_MISSING, for engines that the estimator does not know, and of the profiles room
 */
export async function plannerProfile(
  read: Pick<ReadPlannerConfig, "config" | "origins" | "place">,
  info: (text: string) => void,
): Promise<Profile | null> {
  const { config, origins, place } = read;
  const { source, sweepingMode, aicInterpolation, aicPerfModel } = config.profile;
  if (sweepingMode === "rapid" && aicInterpolation !== null) {
    info("profile: estimated, as aic_interpolation describes the engines");
    return await estimatedProfile(read, "aic_interpolation", aicInterpolation);
  }
  const isNamed = isGiven(origins, "profile_results_dir");
  if (sweepingMode !== "none" && (isNamed || existsSync(source))) {
    return atField(place("profile_results_dir"), () => loadProfile(source));
  }
  if (sweepingMode === "rapid" && aicPerfModel !== null) {
    info("profile: estimated, as aic_perf_model describes the engines");
    return await estimatedProfile(read, "aic_perf_model", aicPerfModel);
  }
  const need = needOf(config);
  const found = sweepingMode === "none" ? "none (pre_deployment_sweeping_mode none)" : `none at "${source}"`;
  if (need !== null) throw profileMissing(place("profile_results_dir"), found, need);
  info(`profile: ${found}; ${substituteOf(config)}`);
  return null;
}

/** Why there must be a profile; null: none is needed. */
function needOf({ strategy, strategyOptions, engine }: PlannerServiceConfig): string | null {
  if (needsProfile(strategy)) return `strategy ${strategy} plans with one`;
  const { kvPercent } = strategyOptions.autoscaler.targets.decode;
  if (strategy !== "hpa" || kvPercent === null || engine.maxKvTokens !== null) return null;
  return "autoscaler.decode.kv_percent is a share of the KV capacity, and max_kv_tokens does not say it either";
}

function substituteOf({ strategy, optimizationTarget }: PlannerServiceConfig): string {
  if (strategy !== "load-compat") return `strategy ${strategy} needs none`;
  return optimizationTarget === "sla"
    ? "what passes take is told by workers that were tried before they served, and learnt from live forward passes"
    : "what workers take at most, they say themselves";
}

function profileMissing(where: string, found: string, need: string): UserError {
  return new UserError({
    code: "PLANNER_PROFILE_MISSING",
    where,
    message: `found ${found}, expected a profile: ${need}`,
    hint: "profile_results_dir takes a folder, an .npz file or the name of a shipped profile; strategy load-compat needs none",
  });
}
