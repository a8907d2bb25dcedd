import type { Reason, Role } from "../types.ts";
import type { LackingPasses } from "./pass-model.ts";
import type { PowerOutcome } from "./power-limit.ts";
import type { LoadReason, ThroughputReason } from "./words.ts";

export const LOAD_TEXTS: Record<LoadReason, string> = {
  no_fpm_data: "no forward passes were heard of: nothing is known, so nothing changes",
  scaling_in_progress: "workers are still starting: nothing changes until they are ready",
  worker_count_mismatch: "not every ready worker has told of its passes: nothing changes until all have",
  insufficient_data: "what the load is measured against is not known: context length, cache size or a latency model",
  no_change: "the load asks for neither more nor fewer workers",
  scale_up: "the load is above its limit: one worker more",
  scale_down: "the load is below its limit on every worker: one worker fewer",
  scale_down_capped_by_throughput: "the load would allow fewer workers, the expected throughput does not",
  scale_down_refused_consolidation: "one worker fewer would not keep the SLA with the load of all",
  gpu_budget_guard_hold: "the GPU bounds allow none of what the load asks for: nothing changes",
  gpu_budget_reconcile: "what stands is outside the GPU bounds or below the minimum: it is brought within them",
};

export const THROUGHPUT_TEXTS: Record<ThroughputReason, string> = {
  no_traffic_data: "no traffic figures in this interval: nothing is known, so nothing changes",
  predict_failed: "the predictor made no usable forecast",
  model_not_ready: "the latency model does not know the engines yet",
  partner_not_ready: "the other role's latency model does not know its engines yet",
  set_lower_bound: "the expected throughput sets the fewest workers that load scaling may leave",
  scale: "workers for the expected throughput",
};

export const POWER_TEXTS: Record<NonNullable<PowerOutcome>, string> = {
  power_budget_clamped: "fewer workers, to stay below the power limit",
  power_budget_scale_up_suppressed: "no more workers: the power limit leaves no room for them",
  power_rebalance_staged: "the role that shrinks goes first: both at once would exceed the power limit",
  infeasible: "the least that must run exceeds the power limit: nothing changes",
};

/** Codes are the reference's words with hyphens. */
export function loadReason(reason: LoadReason, role: Role | null): Reason {
  return { code: reason.replaceAll("_", "-"), role, text: LOAD_TEXTS[reason] };
}

export function throughputReason(reason: ThroughputReason, role: Role | null): Reason {
  return { code: reason.replaceAll("_", "-"), role, text: THROUGHPUT_TEXTS[reason] };
}

export function powerReason(outcome: NonNullable<PowerOutcome>): Reason {
  return { code: outcome.replaceAll("_", "-"), role: null, text: POWER_TEXTS[outcome] };
}

/** What a role's engines are asked about: an aggregated one does both, alone and at once. */
const ASKED_KINDS: Record<Role | "agg", readonly LackingPasses["kind"][]> = {
  prefill: ["prefill"],
  decode: ["decode"],
  agg: ["prefill", "decode", "mixed"],
};

/**
 * Which passes a latency model waits for, where it does not know its engines yet: of each engine it learns from the latest pass of a tick
 * alone, as in the reference, so passes that are rare make it wait. Null: it waits for none.
 * @param kind `agg`: the role's engines do both
 */
export function lackingPassesReason(lacking: readonly LackingPasses[], role: Role, kind: Role | "agg"): Reason | null {
  const parts = lacking
    .filter((each) => ASKED_KINDS[kind].includes(each.kind))
    .map(
      (each) => `${each.seen} of ${each.needed} ${each.kind === "mixed" ? "passes with both" : `${each.kind} passes`}`,
    );
  if (parts.length === 0) return null;
  const text = `the latency model has seen ${parts.join(", ")}; it learns from the latest pass of each engine at each tick`;
  return { code: "passes-lacking", role, text };
}
