import type { PlannerContext, Role, Targets } from "./types.ts";

/** Roles that a deployment of this mode has workers of; the one pool of an aggregated deployment is `decode`. */
export function rolesOf(mode: PlannerContext["mode"]): readonly Role[] {
  if (mode === "disagg") return ["prefill", "decode"];
  return [mode === "prefill" ? "prefill" : "decode"];
}

/** Data-parallel ranks of a worker of each role. */
export function ranksOf({ ranksPerWorker }: PlannerContext): Targets {
  return ranksPerWorker ?? { prefill: 1, decode: 1 };
}

/** KV capacity of a decode (or aggregated) worker, all its ranks together, tokens. @param profileKvTokens of the engine that was profiled */
export function workerKvTokens(context: PlannerContext, profileKvTokens: number): number {
  return ranksOf(context).decode * (context.kvTokensPerRank ?? profileKvTokens);
}
