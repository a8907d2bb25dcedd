import type { Profile, Surface } from "#profiles";
import { ranksOf } from "../roles.ts";
import type { PlannerContext, Role } from "../types.ts";
import { DEFAULT_LIMITS, type LearningPassModel } from "./pass-model.ts";
import { CorrectedEstimate } from "./regression/corrected-estimate.ts";
import { PassRegression, type PassRegressionOptions } from "./regression/pass-regression.ts";

/** What a role's latency is asked of: an estimator where there is one, else what passes and the profile's measurements say. */
export function latencyModel(
  role: Role,
  regression: PassRegressionOptions,
  context: PlannerContext,
  surface: Surface | null,
  profile: Pick<Profile, "prefill" | "decode"> | null,
): LearningPassModel {
  const ranks = ranksOf(context)[role];
  const estimate = context.passModels?.[role];
  if (estimate !== undefined) {
    const sequences = role === "prefill" ? undefined : context.maxDecodeSequences;
    return new CorrectedEstimate(estimate, regression, {
      maxBatchedTokens: context.maxBatchedTokens ?? DEFAULT_LIMITS.maxBatchedTokens,
      maxSequences: sequences === undefined ? DEFAULT_LIMITS.maxSequences : Math.ceil(sequences / ranks),
      maxKvTokens: context.kvTokensPerRank ?? surface?.maxKvTokens ?? DEFAULT_LIMITS.maxKvTokens,
    });
  }
  const model = new PassRegression(regression);
  // As in the reference: what was measured of a whole engine is not told to one whose attention has several ranks.
  if (profile !== null && ranks === 1) {
    const isWhole = role === "decode" && context.mode === "agg";
    model.learnProfile(profile, isWhole ? ["prefill", "decode"] : [role]);
  }
  return model;
}
