import type { FieldName } from "./layers.ts";
import type { PlannerDocument } from "./schema.ts";
import type { StrategyName } from "./types.ts";

type Document = PlannerDocument & { strategy: StrategyName };

/** Whether a document's strategy takes any notice of a field; fields that are not named here count whoever decides. */
const COUNTS: Partial<Record<FieldName, (document: Document) => boolean>> = {
  enable_throughput_scaling: isLoadCompat,
  enable_load_scaling: isLoadCompat,
  scale_down_delay_seconds: isDefault,
  scale_to_zero_delay_seconds: isDefault,
  max_replica_step: isDefault,
  load_prediction_window_size: (document) => forecasts(document, "arima"),
  no_correction: isOf2025,
  request_count: isOf2025,
  autoscaler: ({ strategy }) => strategy === "hpa" || strategy === "keda",
  static_prefill_replicas: ({ strategy }) => strategy === "static",
  static_decode_replicas: ({ strategy }) => strategy === "static",

  aic_perf_model: ({ strategy }) => strategy === "default" || strategy === "load-compat" || strategy === "sla-compat",
  prefill_startup_seconds: isDefault,
  decode_startup_seconds: isDefault,
  kv_transfer_ms_per_token: isDefault,

  min_gpu_budget: isOneOfOurDays,
  enable_power_awareness: isOneOfOurDays,
  total_gpu_power_limit: (document) => isOneOfOurDays(document) && document.enable_power_awareness,

  throughput_adjustment_interval_seconds: forecasts,
  load_adjustment_interval_seconds: (document) => !isOf2025(document),
  max_num_fpm_samples: learns,
  fpm_sample_bucket_size: learns,
  load_min_observations: learns,
  load_scaling_down_sensitivity: (document) => learns(document) && document.enable_load_scaling,
  prefill_scale_up_queue_tokens: hasThresholds,
  prefill_scale_down_queue_tokens: hasThresholds,
  decode_scale_up_kv_rate: hasThresholds,
  decode_scale_down_kv_rate: hasThresholds,
  speculative_nextn: learns,

  load_predictor: forecasts,
  load_predictor_log1p: (document) => forecasts(document, "arima", "kalman", "prophet"),
  load_predictor_warmup_trace: (document) => isDefault(document) || forecasts(document),
  prophet_window_size: (document) => forecasts(document, "prophet"),
  kalman_q_level: (document) => forecasts(document, "kalman"),
  kalman_q_trend: (document) => forecasts(document, "kalman"),
  kalman_r: (document) => forecasts(document, "kalman"),
  kalman_min_points: (document) => forecasts(document, "kalman"),
};

/**
 * A remark for the start where somebody wrote fields of which the strategy takes no notice: none of it is lost unseen. A field that says
 * what stands there anyway is no matter.
 * @param isWritten whether somebody said a field, and something else than its default
 */
export function leftAside(document: Document, isWritten: (field: FieldName) => boolean): string[] {
  const { strategy, optimization_target: target } = document;
  const fields = (Object.keys(COUNTS) as FieldName[]).filter((field) => isWritten(field) && !COUNTS[field]!(document));
  if (fields.length === 0) return [];
  const who = strategy === "load-compat" ? `strategy load-compat towards ${target}` : `strategy ${strategy}`;
  const them = fields.length === 1 ? "is left aside" : "are left aside";
  return [
    `${fields.join(", ")} ${them}: ${who}, as it is set, takes no notice of ${fields.length === 1 ? "it" : "them"}`,
  ];
}

function isDefault({ strategy }: Document): boolean {
  return strategy === "default";
}

function isLoadCompat({ strategy }: Document): boolean {
  return strategy === "load-compat";
}

function isOf2025({ strategy }: Document): boolean {
  return strategy === "sla-compat";
}

function isOneOfOurDays({ strategy }: Document): boolean {
  return strategy === "default" || strategy === "load-compat";
}

/** `load-compat` towards an SLA: it has a model of passes. */
function learns({ strategy, optimization_target: target }: Document): boolean {
  return strategy === "load-compat" && target === "sla";
}

function hasThresholds({ strategy, optimization_target: target }: Document): boolean {
  return strategy === "load-compat" && target === "load";
}

/** Whether the strategy asks `load_predictor`; where predictors are named, whether it is one of them. */
function forecasts(document: Document, ...predictors: PlannerDocument["load_predictor"][]): boolean {
  const asks = isOf2025(document) || (learns(document) && document.enable_throughput_scaling);
  return asks && (predictors.length === 0 || predictors.includes(document.load_predictor));
}
