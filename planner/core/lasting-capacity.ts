import type { Surface } from "#profiles";
import { isFeasible, lateShare, type PromptClasses, slowShare } from "./capacity.ts";
import type { RequestShapes } from "./request-shapes.ts";
import { ranksOf } from "./roles.ts";
import type { PlannerContext, Role } from "./types.ts";
import { assumedItlMs, batchScv, decodeCapacityOf, keptItlMs, promptClassesOf } from "./worker-needs.ts";

/** What workers of a role do for requests as they are in the long run. */
export interface LastingCapacity {
  /** Seconds of a busy worker that a request takes. */
  workerSeconds: number;
  /** Share of the feasible requests that miss the SLA at a rate, requests/s. */
  missShare: (workers: number, rate: number) => number;
}

/** Measured ÷ profiled time. */
export interface Corrections {
  prefill: number;
  decode: number;
}

/**
 * Reckons with the lengths of answers that have ended: when a burst is over, tokens of its answers are no sign of longer ones.
 * null while it cannot be said, and where no number of workers keeps the TTFT: then no size is better than another.
 */
export function lastingCapacity(
  role: Role,
  shapes: RequestShapes,
  surface: Surface,
  context: PlannerContext,
  corrections: Corrections,
): LastingCapacity | null {
  const ranks = ranksOf(context);
  const prompts = computesPrompts(role, context)
    ? promptClassesOf(shapes, surface, context, corrections.prefill, keptItlMs(shapes, context))
    : null;
  if (prompts !== null && (!isFeasible(prompts) || !(prompts.batchedMeanS > 0))) return null;
  if (role === "prefill") {
    return {
      workerSeconds: prompts!.batchedMeanS / ranks.prefill,
      missShare: (workers, rate) => late(workers, rate / ranks.prefill, prompts!),
    };
  }
  if (!shapes.isReady) return null;
  const promptS = prompts?.meanS ?? 0;
  const decode = decodeCapacityOf(shapes, surface, context, shapes.meanOsl, corrections.decode, promptS);
  const scv = batchScv(shapes);
  const slow = (workers: number, rate: number) => slowShare(workers, rate, decode, scv);
  return {
    workerSeconds: 1 / decode.requestsPerS,
    missShare:
      prompts === null
        ? slow
        : (workers, rate) => Math.min(1, slow(workers, rate) + late(workers, rate / ranks.decode, prompts)),
  };
}

/**
 * Seconds of a busy worker that a request takes by the profile: it depends on the shapes of requests alone, not on what is known of
 * engines or on how busy they are, so that loads of different times compare. null while it cannot be said.
 */
export function profiledSeconds(
  role: Role,
  shapes: RequestShapes,
  surface: Surface,
  context: PlannerContext,
): number | null {
  const prompts = computesPrompts(role, context)
    ? promptClassesOf(shapes, surface, context, 1, assumedItlMs(context))
    : null;
  if (role === "prefill") return prompts!.batchedMeanS > 0 ? prompts!.batchedMeanS : null;
  if (!shapes.isReady) return null;
  return 1 / decodeCapacityOf(shapes, surface, context, shapes.meanOsl, 1, prompts?.meanS ?? 0).requestsPerS;
}

function computesPrompts(role: Role, { mode }: PlannerContext): boolean {
  return role === "prefill" || mode === "agg";
}

function late(workers: number, rate: number, prompts: PromptClasses): number {
  return workers > 0 ? lateShare(workers, rate, prompts) : Math.sign(rate);
}
