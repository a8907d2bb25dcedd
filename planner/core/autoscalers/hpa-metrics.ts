/** How the replicas that a metric asks for are computed: Kubernetes' documentation of the horizontal pod autoscaler, "Algorithm details". */

/** What one replica measured; null: nothing (it starts, or its metrics are lost). */
export type ReplicaValue = number | null;

/** Values of the replicas themselves, held against a target per replica. */
export interface PerReplicaMetric {
  kind: "per-replica";
  name: string;
  target: number;
  values: readonly ReplicaValue[];
}

/** One value of the whole role, held against a target per replica (an external metric with `averageValue`); null: not known. */
export interface TotalMetric {
  kind: "total";
  name: string;
  target: number;
  total: number | null;
}

export type HpaMetric = PerReplicaMetric | TotalMetric;

/** Replicas that a metric asks for; null: it can't be computed. */
export function wantedReplicas(metric: HpaMetric, current: number, tolerance: number): number | null {
  return metric.kind === "total"
    ? byTotal(metric, current, tolerance)
    : byReplicas(metric.values, metric.target, current, tolerance);
}

function byTotal({ total, target }: TotalMetric, current: number, tolerance: number): number | null {
  if (total === null) return null;
  const ratio = total / (target * current);
  return current > 0 && isOnTarget(ratio, tolerance) ? current : Math.ceil(total / target - 1e-9);
}

function isOnTarget(ratio: number, tolerance: number): boolean {
  return Math.abs(ratio - 1) <= tolerance + 1e-9;
}

/**
 * ⌈replicas × mean ÷ target⌉. Replicas without a value count, where the others ask for fewer, as exactly at the target, and where they
 * ask for more, as doing nothing; that never turns the direction, only damps it.
 */
function byReplicas(
  values: readonly ReplicaValue[],
  target: number,
  current: number,
  tolerance: number,
): number | null {
  const measured = values.filter((value) => value !== null);
  if (measured.length === 0) return null;
  const sum = measured.reduce((total, value) => total + value, 0);
  const ratio = sum / measured.length / target;
  const missing = values.length - measured.length;
  if (missing === 0) {
    return isOnTarget(ratio, tolerance) ? current : Math.ceil(ratio * measured.length - 1e-9);
  }
  const filled = ratio < 1 ? sum + missing * target : sum;
  const damped = filled / values.length / target;
  if (isOnTarget(damped, tolerance) || ratio < 1 !== damped < 1) return current;
  const wanted = Math.ceil(damped * values.length - 1e-9);
  return damped < 1 ? Math.min(wanted, current) : Math.max(wanted, current);
}

/**
 * What several metrics ask for together: the most. A metric that can't be computed stops a scale-down, not a scale-up.
 * @returns null: leave it as it is
 */
export function wantedByAll(metrics: readonly HpaMetric[], current: number, tolerance: number): number | null {
  const wishes = metrics.map((metric) => wantedReplicas(metric, current, tolerance));
  const known = wishes.filter((wish) => wish !== null);
  if (known.length === 0) return null;
  const most = Math.max(...known);
  return known.length < wishes.length && most < current ? null : most;
}
