import type { Decision } from "./types.ts";

/** Words of Dynamo's planner for what load-based scaling did. */
export const LOAD_STATES = [
  "unset",
  "disabled",
  "no_fpm_data",
  "scaling_in_progress",
  "worker_count_mismatch",
  "insufficient_data",
  "no_change",
  "scale_up",
  "scale_down",
  "scale_down_capped_by_throughput",
  "scale_down_refused_consolidation",
  "gpu_budget_guard_hold",
  "gpu_budget_reconcile",
  "override_by_user_plugin",
  "reconcile_clamped_to_floor",
  "reconcile_clamped_to_ceiling",
  "held_over",
  "rejected_by_plugin",
] as const;

/** And for what throughput-based scaling did. */
export const THROUGHPUT_STATES = [
  "unset",
  "disabled",
  "no_traffic_data",
  "predict_failed",
  "model_not_ready",
  "set_lower_bound",
  "scale",
  "override_by_user_plugin",
  "held_over",
  "circuit_open",
  "rejected_by_plugin",
] as const;

export type LoadState = (typeof LOAD_STATES)[number];
export type ThroughputState = (typeof THROUGHPUT_STATES)[number];

/** Codes of what plugins made of a decision, or failed at. */
const PLUGIN_CODES = [
  "override_by_user_plugin",
  "reconcile_clamped_to_floor",
  "reconcile_clamped_to_ceiling",
  "constrain_capped",
  "rejected_by_plugin",
  "skip_tick_timeout",
  "circuit_open",
  "plugin-failed",
] as const;

export type PluginCode = (typeof PLUGIN_CODES)[number];

/** Whether a plugin had a hand in it, or failed to. */
export function isTouchedByPlugin({ reasons }: Pick<Decision, "reasons">): boolean {
  const codes: readonly string[] = PLUGIN_CODES;
  return reasons.some(({ code }) => codes.includes(code));
}

/** What a loop came to: the first reason that has a word for it, else what that loop came to last. */
export function loopState(decision: Pick<Decision, "reasons" | "loops"> | null, loop: "load"): LoadState;
export function loopState(decision: Pick<Decision, "reasons" | "loops"> | null, loop: "throughput"): ThroughputState;
export function loopState(
  decision: Pick<Decision, "reasons" | "loops"> | null,
  loop: "load" | "throughput",
): LoadState | ThroughputState {
  const states: readonly string[] = loop === "load" ? LOAD_STATES : THROUGHPUT_STATES;
  const codes = decision?.reasons.map(({ code }) => code.replaceAll("-", "_")) ?? [];
  const last = decision?.loops?.[loop] ?? "unset";
  const state = codes.find((code) => states.includes(code)) ?? (states.includes(last) ? last : "unset");
  return state as LoadState | ThroughputState;
}
