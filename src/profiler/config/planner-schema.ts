import { z } from "zod";
import { type FieldFacts, plain } from "./field.ts";

const text = z.string();
const flag = z.boolean();
const whole = z.int().min(0);
const positive = z.int().min(1);
const seconds = z.number().positive();
const object = z.record(z.string(), z.unknown());

function key(schema: z.ZodType, description: string, preset?: string, facts: FieldFacts = {}): z.ZodType {
  return plain(schema, description, preset === undefined ? facts : { ...facts, preset });
}

function nullable(schema: z.ZodType, description: string): z.ZodType {
  return plain(schema.nullable(), description, { preset: "none" });
}

/** The SLA planner's settings of 0.6 and 0.8, without the prefix that documents and flags give them. */
export const legacyPlannerSchema = z.object({
  environment: key(z.enum(["kubernetes", "virtual"]), "Where it scales", "`kubernetes`"),
  no_operation: key(flag, "Decide, never scale", "`false`"),
  log_dir: key(text, "Folder of its logs", "none"),
  adjustment_interval: key(seconds, "Time between decisions, s", "180"),
  max_gpu_budget: key(z.int(), "GPUs that it may use", "8"),
  min_endpoint: key(whole, "Replicas that always remain", "1"),
  decode_engine_num_gpu: key(positive, "GPUs of a decode engine", "as picked"),
  prefill_engine_num_gpu: key(positive, "GPUs of a prefill engine", "as picked"),
  profile_results_dir: key(text, "Folder of the profile", "where it is mounted"),
  load_predictor: key(
    z.enum(["constant", "arima", "prophet", "kalman", "linear"]),
    "How the load is forecast",
    "`arima`",
  ),
  load_prediction_window_size: key(positive, "Intervals that the predictor sees", "50"),
  prometheus_port: key(z.int().min(0).max(65_535), "Port of its own metrics; 0: none", "0"),
  no_correction: key(flag, "Trust the profile as it is", "`false`"),
  model_name: key(text, "Model, where the environment is virtual", "the deployment's"),
});

/** What a planner of 0.6 and 0.8 is started with where nothing else is said. */
export const LEGACY_PLANNER_PRESETS: Readonly<Record<string, unknown>> = {
  environment: "kubernetes",
  no_operation: false,
  adjustment_interval: 180,
  max_gpu_budget: 8,
  min_endpoint: 1,
  load_predictor: "arima",
  load_prediction_window_size: 50,
  prometheus_port: 0,
  no_correction: false,
};

/** `features.planner` of a DGDR v1beta1: the planner's own configuration. */
export const plannerConfigSchema = z.object({
  mode: key(z.enum(["disagg", "agg", "prefill", "decode"]), "What it scales", "`disagg`"),
  backend: key(z.enum(["vllm", "sglang", "trtllm", "mocker"]), "Engines' backend", "the request's"),
  environment: key(z.enum(["kubernetes", "virtual", "global-planner"]), "Where it scales", "`kubernetes`"),
  namespace: key(text, "Dynamo namespace"),
  model_name: nullable(text, "Model"),
  global_planner_namespace: nullable(text, "Namespace of the global planner"),
  log_dir: nullable(text, "Folder of its logs"),
  optimization_target: key(
    z.enum(["throughput", "latency", "load", "sla"]),
    "What it aims at; any but `sla` means load-based scaling alone",
  ),
  enable_throughput_scaling: key(flag, "Scale by forecast and profile", "`true`"),
  enable_load_scaling: key(flag, "Scale by the engines' load", "`false`"),
  ttft_ms: key(z.number().positive(), "TTFT, target, ms", "the request's where it is given", { aliases: ["ttft"] }),
  itl_ms: key(z.number().positive(), "ITL, target, ms", "the request's where it is given", { aliases: ["itl"] }),
  pre_deployment_sweeping_mode: key(
    z.enum(["none", "rapid", "thorough"]),
    "How the picked engines are sampled for it: by the estimator, by measuring, not at all",
    "`rapid`",
  ),
  profile_results_dir: key(text, "Folder of the profile", "where it is mounted"),
  max_gpu_budget: key(z.int().min(-1), "GPUs that it may use; -1: no limit", "8"),
  min_gpu_budget: key(z.int().min(-1), "GPUs that it always uses; -1: no limit", "-1"),
  min_endpoint: key(whole, "Replicas that always remain", "1"),
  prefill_min_endpoint: nullable(positive, "The same for prefill alone"),
  decode_min_endpoint: nullable(positive, "The same for decode alone"),
  prefill_engine_num_gpu: nullable(positive, "GPUs of a prefill engine"),
  decode_engine_num_gpu: nullable(positive, "GPUs of a decode engine"),
  throughput_adjustment_interval_seconds: key(seconds, "Time between decisions by throughput, s", "180", {
    aliases: ["throughput_adjustment_interval", "adjustment_interval"],
  }),
  throughput_metrics_source: key(z.enum(["frontend", "router"]), "Where traffic is observed", "`frontend`"),
  load_adjustment_interval_seconds: key(seconds, "Time between decisions by load, s", "5", {
    aliases: ["load_adjustment_interval"],
  }),
  max_num_fpm_samples: key(positive, "Forward passes that are kept", "64"),
  fpm_sample_bucket_size: key(positive, "Buckets of those; a square", "16"),
  load_scaling_down_sensitivity: key(z.number().min(0).max(100), "How readily it scales down, 0 to 100", "80"),
  load_min_observations: key(positive, "Observations before it scales by load", "5"),
  prefill_scale_up_queue_tokens: nullable(z.number(), "Queued tokens above which prefill grows"),
  prefill_scale_down_queue_tokens: nullable(z.number(), "Queued tokens below which prefill shrinks"),
  decode_scale_up_kv_rate: nullable(z.number(), "KV usage above which decode grows, %"),
  decode_scale_down_kv_rate: nullable(z.number(), "KV usage below which decode shrinks, %"),
  load_predictor: key(
    z.enum(["constant", "arima", "prophet", "kalman", "linear"]),
    "How the load is forecast",
    "`arima`",
  ),
  load_predictor_log1p: key(flag, "Forecast its logarithm", "`false`"),
  load_predictor_warmup_trace: nullable(text, "Trace that the predictor sees first"),
  prophet_window_size: key(positive, "Intervals that Prophet sees", "50"),
  kalman_q_level: key(z.number(), "Kalman: noise of the level", "1.0"),
  kalman_q_trend: key(z.number(), "Kalman: noise of the trend", "0.1"),
  kalman_r: key(z.number(), "Kalman: noise of observations", "10"),
  kalman_min_points: key(positive, "Kalman: points before it forecasts", "5"),
  metric_pulling_prometheus_endpoint: key(text, "Prometheus that it reads"),
  metric_reporting_prometheus_port: key(z.int().min(0).max(65_535), "Port of its own metrics; 0: none", "0", {
    aliases: ["prometheus_port"],
  }),
  advisory: key(flag, "Decide and log, never scale", "`false`", { aliases: ["no_operation"] }),
  report_interval_hours: nullable(z.number(), "Hours between reports"),
  report_output_dir: key(text, "Folder of its reports", "`./planner_reports`"),
  live_dashboard_port: key(z.int().min(0).max(65_535), "Port of its dashboard; 0: none", "8080"),
  control_api_port: key(z.int().min(0).max(65_535), "Port of its control API; 0: none", "9086"),
  aic_interpolation: nullable(object, "The estimator in place of a profile"),
  aic_perf_model: nullable(object, "The estimator as a model of forward passes"),
  scheduling: key(object, "Ticks and plug-ins", undefined, { free: true }),
  plugin_registration: key(object, "Who may register plug-ins", undefined, { free: true }),
});
