import type { Role, Targets } from "../types.ts";
import { boundPair } from "./gpu-bounds.ts";

/** Replicas of each role; null: no wish (or, of what stands: not known, which counts as none). */
export interface Wishes {
  prefill: number | null;
  decode: number | null;
}

/** What the limit did to the wishes. */
export type PowerOutcome =
  | "power_budget_clamped"
  /** Not even the minimum fits beside the other role: what stands, stays. */
  | "power_budget_scale_up_suppressed"
  /** One role grows while the other shrinks, and both at once would be too much: the growth waits. */
  | "power_rebalance_staged"
  /** The minimums of both roles are above the limit. */
  | "infeasible"
  | null;

export interface PowerRequest {
  wanted: Wishes;
  current: Wishes;
  /** Watts of one replica; null: the role's power is not known, and not counted. */
  wattsPerReplica: { prefill: number | null; decode: number | null };
  limitWatts: number;
  minimum: Targets;
}

/**
 * A ceiling on Σ replicas × watts, after the GPU bounds, as Dynamo's planner of 2026 has it. Replicas that shrink still draw
 * power until they are gone, so opposite changes are taken one after the other where their peak would be too high.
 * As in the reference, a staged rebalance is not cut down further.
 */
export function withinPower(request: PowerRequest): { targets: Wishes; outcome: PowerOutcome } {
  const { wanted, wattsPerReplica: watts } = request;
  if (wanted.prefill !== null && wanted.decode !== null && watts.prefill !== null && watts.decode !== null) {
    return pairWithinPower(
      request,
      { prefill: wanted.prefill, decode: wanted.decode },
      { prefill: watts.prefill, decode: watts.decode },
    );
  }
  for (const role of ["prefill", "decode"] as const) {
    const wish = wanted[role];
    const perReplica = watts[role];
    if (wish !== null && perReplica !== null && perReplica > 0)
      return singleWithinPower(request, role, wish, perReplica);
  }
  return { targets: wanted, outcome: null };
}

function pairWithinPower(request: PowerRequest, wanted: Targets, watts: Targets) {
  const { limitWatts, minimum } = request;
  const current = { prefill: request.current.prefill ?? 0, decode: request.current.decode ?? 0 };
  const staged = stagedGrowth(wanted, current, watts, limitWatts);
  if (staged !== null) return { targets: staged, outcome: "power_rebalance_staged" as const };
  if (wattsOf(wanted, watts) <= limitWatts) return { targets: wanted, outcome: null };
  if (wattsOf(minimum, watts) > limitWatts) return { targets: wanted, outcome: "infeasible" as const };
  const bounded = boundPair(wanted, watts, { minGpus: null, maxGpus: limitWatts }, minimum);
  const stagedAfter = stagedGrowth(bounded, current, watts, limitWatts);
  if (stagedAfter !== null) return { targets: stagedAfter, outcome: "power_rebalance_staged" as const };
  return { targets: bounded, outcome: "power_budget_clamped" as const };
}

function singleWithinPower(request: PowerRequest, role: Role, wish: number, perReplica: number) {
  const { wanted, current, wattsPerReplica, limitWatts, minimum } = request;
  const other = role === "prefill" ? "decode" : "prefill";
  const otherWatts = (wanted[other] ?? current[other] ?? 0) * (wattsPerReplica[other] ?? 0);
  if (wish * perReplica + otherWatts <= limitWatts) return { targets: wanted, outcome: null };
  const most = Math.floor((limitWatts - otherWatts) / perReplica);
  if (most >= minimum[role]) {
    return { targets: { ...wanted, [role]: most }, outcome: "power_budget_clamped" as const };
  }
  const standing = current[role] ?? 0;
  if (wish <= standing) return { targets: wanted, outcome: null };
  return { targets: { ...wanted, [role]: standing }, outcome: "power_budget_scale_up_suppressed" as const };
}

/** Opposite changes with the growth held back, or null where they may happen at once. */
function stagedGrowth(wanted: Targets, current: Targets, watts: Targets, limitWatts: number): Targets | null {
  const isOpposite = (wanted.prefill - current.prefill) * (wanted.decode - current.decode) < 0;
  const peak = {
    prefill: Math.max(wanted.prefill, current.prefill),
    decode: Math.max(wanted.decode, current.decode),
  };
  if (!isOpposite || wattsOf(peak, watts) <= limitWatts) return null;
  return {
    prefill: Math.min(wanted.prefill, current.prefill),
    decode: Math.min(wanted.decode, current.decode),
  };
}

function wattsOf(replicas: Targets, watts: Targets): number {
  return replicas.prefill * watts.prefill + replicas.decode * watts.decode;
}
