import { createPlanner, type ForwardPass, type Planner, type PlannerContext, plannerConfigSchema } from "#planner/core";
import { buildSurface } from "#profiles";
import { disagg, forwardPass, testProfile } from "../observations.ts";

/** Our planner, or the one of 2026, of the invented engine. */
export function planner(
  strategy: "default" | "load-compat",
  settings: Record<string, unknown> = {},
  context: Partial<PlannerContext> = {},
): Planner {
  const family = strategy === "default" ? "robust" : "compat";
  const config = plannerConfigSchema.parse({ strategy, ...settings });
  return createPlanner(config, { ...disagg, profile: testProfile, ...context }, buildSurface(testProfile, family));
}

/** A pass of a worker that has nothing to do unless told otherwise. */
export function pass(workerId: string, prefillTokens = 0, decodeKvTokens = 0): ForwardPass {
  const sequences = Math.round(decodeKvTokens / 3150);
  return forwardPass(workerId, {
    prefillTokens,
    sequences,
    kvTokens: decodeKvTokens,
    wallTimeS: 0.01 + prefillTokens * 2e-5,
  });
}

/** One pass of each worker: prompts of so many tokens, ten sequences that decode. */
export function passes(prefill: number, decode: number, tokens = 0) {
  return {
    prefill: Array.from({ length: prefill }, (_, i) => pass(`p${i}`, tokens)),
    decode: Array.from({ length: decode }, (_, i) => pass(`d${i}`, 0, 31_500)),
  };
}
