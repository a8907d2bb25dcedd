/** What load scaling came to at a tick, in the words of Dynamo's planner. */
export type LoadReason =
  | "no_fpm_data"
  | "scaling_in_progress"
  | "worker_count_mismatch"
  | "insufficient_data"
  | "no_change"
  | "scale_up"
  | "scale_down"
  | "scale_down_capped_by_throughput"
  | "scale_down_refused_consolidation"
  /** GPU bounds allow none of what the load asks for. */
  | "gpu_budget_guard_hold"
  /** What stood was outside the GPU bounds, or below the minimum of a pair. */
  | "gpu_budget_reconcile";

/** What throughput scaling came to. */
export type ThroughputReason =
  | "no_traffic_data"
  | "predict_failed"
  | "model_not_ready"
  /** The other role's model is ready, but a pair is only decided together. */
  | "partner_not_ready"
  | "set_lower_bound"
  | "scale";

/** What one pool wants of its own; `replicas` null: no opinion. */
export interface PoolWish {
  replicas: number | null;
  reason: LoadReason;
}

export type OptimizationTarget = "throughput" | "latency" | "load" | "sla";
