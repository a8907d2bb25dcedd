import { z } from "zod";
import { autoscalerSchema } from "./autoscaler-schema.ts";
import { type FieldGroup, fieldFacts, keysOf } from "./fields.ts";
import { aicInterpolationSchema, aicPerfModelSchema } from "./perf-model-schema.ts";
import { pluginRegistrationSchema, schedulingSchema } from "./scheduling-schema.ts";

const text = z.string().min(1);
const orNull = text.nullable().default(null);
/** Of a file that lies in a folder which another field names. */
const fileName = text.regex(/^(?!\.{1,2}$)[^/\\]*$/, "expected a name without a folder: report_output_dir is that");
const flag = z.boolean();
const positive = z.int().min(1);
const seconds = z.number().positive();
const window = z.int().min(1).max(10_000);
const port = z.int().min(0).max(65_535);
const percent = z.number().min(0).max(100);
/** An address of http or https; the pattern says to editors what the reader holds it against. */
const address = z
  .url({ protocol: /^https?$/, error: "expected an address of http or https, such as http://localhost:9090" })
  .meta({ pattern: "^\\s*[hH][tT][tT][pP][sS]?:" });
const urls = z.array(address).default([]);
/** Buckets that passes are kept in form a square grid. */
const SQUARES = Array.from({ length: 100 }, (_, i) => (i + 1) ** 2);

const CLUSTER_PROMETHEUS = "http://prometheus-kube-prometheus-prometheus.monitoring.svc.cluster.local:9090";

const deployment = keysOf("Deployment");
const target = keysOf("Targets");
const model = keysOf("Performance model");
const budget = keysOf("Budget");
const throughput = keysOf("Throughput scaling");
const load = keysOf("Load scaling");
const forecast = keysOf("Forecast");
const metrics = keysOf("Metrics");
const service = keysOf("Service");
const plugins = keysOf("Plugins");

/** Every field of Dynamo's planner configuration, by its name there, with its default there. */
export const dynamoFields = {
  mode: deployment(z.enum(["disagg", "prefill", "decode", "agg"]).default("disagg"), "What it scales"),
  backend: deployment(z.enum(["vllm", "sglang", "trtllm", "mocker"]).default("vllm"), "Backend of the engines"),
  environment: deployment(
    z.enum(["kubernetes", "virtual", "global-planner", "local", "none"]).default("kubernetes"),
    "Where it scales; `local` (ours): what `understudy up` runs; `none` (ours) decides and shows, and scales nothing",
  ),
  namespace: deployment(text.default("dynamo"), "Dynamo namespace of the deployment", { env: ["DYN_NAMESPACE"] }),
  model_name: deployment(orNull, "Model whose traffic is observed", { preset: "the deployment's own" }),
  global_planner_namespace: deployment(orNull, "Namespace of the global planner; `global-planner` needs it"),
  log_dir: deployment(orNull, "Folder of its log, `planner.log`, beside stderr; null: stderr alone"),

  optimization_target: target(
    z.enum(["throughput", "latency", "load", "sla"]).default("throughput"),
    "What it aims at; any but `sla` scales by load alone and takes no notice of TTFT and ITL",
  ),
  enable_throughput_scaling: target(flag.default(true), "Scale by forecast and profile"),
  enable_load_scaling: target(flag.default(false), "Scale by what the engines have to do"),
  ttft_ms: target(z.number().positive().default(500), "TTFT, target, ms", { aliases: ["ttft"] }),
  itl_ms: target(z.number().positive().default(50), "ITL, target, ms", { aliases: ["itl"] }),

  pre_deployment_sweeping_mode: model(
    z.enum(["none", "rapid", "thorough"]).default("rapid"),
    "How the engines were sampled for it: by the estimator (`rapid`; `aic_interpolation` counts before a profile), by measuring (`thorough`: the profile alone), not at all (`none`: neither is read)",
  ),
  profile_results_dir: model(
    text.default("profiling_results"),
    "Profile: a folder, an npz file, or (ours) the name of a shipped profile; `load-compat` plans without one, too",
  ),
  aic_interpolation: model(aicInterpolationSchema.nullable().default(null), "The estimator in place of a profile"),
  aic_perf_model: model(aicPerfModelSchema.nullable().default(null), "The estimator as a model of forward passes"),

  max_gpu_budget: budget(z.int().min(-1).default(8), "GPUs over all workers; -1: no limit"),
  min_gpu_budget: budget(z.int().min(-1).default(-1), "GPUs that are always used; -1: no limit"),
  min_endpoint: budget(z.int().min(0).default(1), "Workers of each role that always remain"),
  prefill_min_endpoint: budget(positive.nullable().default(null), "The same for prefill alone"),
  decode_min_endpoint: budget(positive.nullable().default(null), "The same for decode alone"),
  prefill_engine_num_gpu: budget(positive.nullable().default(null), "GPUs of a prefill worker", {
    preset: "the deployment's own",
  }),
  decode_engine_num_gpu: budget(positive.nullable().default(null), "GPUs of a decode or aggregated worker", {
    preset: "the deployment's own",
  }),
  enable_power_awareness: budget(flag.default(false), "Keep within `total_gpu_power_limit`, too"),
  total_gpu_power_limit: budget(z.number().min(1).nullable().default(null), "Power over all workers, W"),

  throughput_adjustment_interval_seconds: throughput(
    seconds.default(180),
    "Time between decisions by throughput, and window of its averages, s",
    { aliases: ["throughput_adjustment_interval", "adjustment_interval"] },
  ),
  throughput_metrics_source: throughput(
    z.enum(["frontend", "router"]).default("frontend"),
    "Whose metrics say what traffic there is",
  ),

  load_adjustment_interval_seconds: load(
    seconds.default(5),
    "Time between decisions by load, s; of the strategy `default`, all its decisions",
    { aliases: ["load_adjustment_interval"] },
  ),
  max_num_fpm_samples: load(positive.default(64), "Forward passes that a regression keeps"),
  fpm_sample_bucket_size: load(
    z.int().min(1).max(10_000).meta({ enum: SQUARES }).default(16),
    "Buckets that they are kept in; a square",
  ),
  load_scaling_down_sensitivity: load(percent.default(80), "How readily it scales down; 0: never, 100: at the SLA"),
  load_min_observations: load(positive.default(5), "Forward passes before a regression is asked"),
  prefill_scale_up_queue_tokens: load(
    z.number().min(0).nullable().default(null),
    "Target `load`: queued tokens of a prefill worker at which one more comes",
  ),
  prefill_scale_down_queue_tokens: load(
    z.number().min(0).nullable().default(null),
    "Target `load`: queued tokens of every prefill worker at which one goes",
  ),
  decode_scale_up_kv_rate: load(
    percent.nullable().default(null),
    "Target `load`: KV usage of a decode or aggregated worker at which one more comes, %",
  ),
  decode_scale_down_kv_rate: load(
    percent.nullable().default(null),
    "Target `load`: KV usage of every decode or aggregated worker at which one goes, %",
  ),
  speculative_nextn: load(z.int().min(0).default(0), "Tokens that speculative decoding drafts; 0: none"),

  load_predictor: forecast(
    z.enum(["constant", "arima", "kalman", "prophet", "linear", "ensemble"]).default("arima"),
    "How load is forecast; `linear` and `ensemble` are ours",
  ),
  load_predictor_log1p: forecast(flag.default(false), "Forecast the logarithm"),
  prophet_window_size: forecast(window.default(50), "Values that Prophet sees"),
  load_predictor_warmup_trace: forecast(
    orNull,
    "Trace (Mooncake, `dynamo.request.trace.v1`; gz, folder or pattern) that the predictor sees first",
  ),
  kalman_q_level: forecast(z.number().min(0).default(1), "Kalman: variance that a step adds to the level"),
  kalman_q_trend: forecast(z.number().min(0).default(0.1), "Kalman: variance that a step adds to the trend"),
  kalman_r: forecast(z.number().min(0).default(10), "Kalman: variance of a measurement"),
  kalman_min_points: forecast(positive.default(5), "Kalman: values before it is asked"),

  metric_pulling_prometheus_endpoint: metrics(address.default(CLUSTER_PROMETHEUS), "Prometheus that is asked", {
    env: ["PROMETHEUS_ENDPOINT"],
    preset: `\`${CLUSTER_PROMETHEUS}\`; its port is \`$PROMETHEUS_PORT\` where that is set`,
  }),
  metric_pulling_prometheus_token: metrics(orNull, "Bearer token for it", { secret: true }),
  metric_pulling_prometheus_token_file: metrics(orNull, "File of the token, read anew for every query"),
  metric_pulling_prometheus_ssl_verify: metrics(flag.default(false), "Check its certificate"),
  metric_pulling_prometheus_extra_query_params: metrics(
    z.record(z.string(), z.string()).default({}),
    "Added to every query, such as a tenant",
  ),
  metric_pulling_prometheus_ca_bundle: metrics(orNull, "File of the authority that signed its certificate"),
  metric_reporting_prometheus_port: metrics(port.default(0), "Port of its own metrics; 0: none", {
    aliases: ["prometheus_port"],
    env: ["PLANNER_PROMETHEUS_PORT"],
  }),

  advisory: service(flag.default(false), "Decide, show and log; scale nothing", { aliases: ["no_operation"] }),
  report_interval_hours: service(z.number().positive().nullable().default(24), "Time between reports, h; null: none"),
  report_output_dir: service(text.default("./planner_reports"), "Folder of the reports"),
  report_filename: service(fileName.nullable().default(null), "Name of the report; no folder", {
    preset: "`planner_report_<time>_<number>.html`",
  }),
  report_write_gzip_log: service(flag.default(true), "Write a log of all ticks beside each report"),
  live_dashboard_port: service(port.default(8080), "Port of the dashboard; 0: none"),
  control_api_port: service(port.default(9086), "Port of the control API; 0: none"),

  scheduling: plugins(schedulingSchema.prefault({}), "Ticks and plugins"),
  plugin_registration: plugins(pluginRegistrationSchema.prefault({}), "Who may be a plugin, and how it is reached"),
};

const strategy = keysOf("Strategy", { own: true });
const connector = keysOf("Connectors", { own: true });
const ownMetrics = keysOf("Metrics", { own: true });
const ownService = keysOf("Service", { own: true });
const ownModel = keysOf("Performance model", { own: true });
const ownBudget = keysOf("Budget", { own: true });
const startup = z.number().min(0).default(60);

/** What Dynamo's planner does not have, and what its predecessor of 2025 had. */
const ownFields = {
  strategy: strategy(
    z.enum(["default", "load-compat", "sla-compat", "hpa", "keda", "static", "none"]).nullable().default(null),
    "Who decides",
    { preset: "by `optimization_target`: `default` for `sla`, `load-compat` for others" },
  ),
  scale_down_delay_seconds: strategy(
    seconds.default(5),
    "`default`: how long fewer workers must have been enough before some go, s",
  ),
  scale_to_zero_delay_seconds: strategy(
    seconds.default(300),
    "`default`, with a minimum of 0: how long there must have been nothing to do before the last worker goes, s",
  ),
  max_replica_step: strategy(
    positive.nullable().default(null),
    "`default`: workers of a role that one decision adds or takes at most; null: no limit",
  ),
  load_prediction_window_size: strategy(window.default(50), "`sla-compat`: values that the predictor sees"),
  no_correction: strategy(flag.default(false), "`sla-compat`: trust the profile as it is"),
  request_count: strategy(
    z.enum(["completed", "started"]).default("completed"),
    "`sla-compat`: count requests that ended or that arrived",
  ),
  autoscaler: strategy(autoscalerSchema.prefault({}), "`hpa`, `keda`: what they scale by, and how fast"),
  static_prefill_replicas: strategy(z.int().min(0).nullable().default(null), "`static`: prefill workers"),
  static_decode_replicas: strategy(positive.nullable().default(null), "`static`: decode or aggregated workers"),

  prefill_startup_seconds: ownModel(startup, "From the wish for a prefill worker until it serves, s"),
  decode_startup_seconds: ownModel(startup, "The same for a decode or aggregated worker, s"),
  prefill_engine_dp_size: ownModel(positive.default(1), "Data-parallel ranks (attention-DP) of a prefill worker"),
  decode_engine_dp_size: ownModel(positive.default(1), "The same of a decode or aggregated worker"),
  kv_transfer_ms_per_token: ownModel(z.number().min(0).default(0), "KV transfer from prefill to decode, ms per token"),
  max_num_seqs: ownModel(positive.nullable().default(null), "Sequences that a worker takes at most", {
    preset: "`load-compat`: the workers' own, else the reference's 512; `default`: no limit but the cache",
  }),
  max_num_batched_tokens: ownModel(positive.nullable().default(null), "Tokens of one forward pass at most", {
    preset: "`load-compat`: the workers' own, else 8192; `default`: 8192",
  }),
  context_length: ownModel(positive.nullable().default(null), "Longest context, tokens", {
    preset: "`load-compat`: the longest that was profiled, else the workers' own",
  }),
  max_kv_tokens: ownModel(positive.nullable().default(null), "KV capacity of a decode worker, tokens", {
    preset: "the profile's, else (`load-compat`) the workers' own",
  }),

  prefill_max_gpu_budget: ownBudget(positive.nullable().default(null), "`default`: GPUs over prefill workers alone"),
  decode_max_gpu_budget: ownBudget(
    positive.nullable().default(null),
    "`default`: GPUs over decode or aggregated workers alone",
  ),
  prefill_engine_power_watts: ownBudget(z.number().positive().nullable().default(null), "Power of a prefill worker, W"),
  decode_engine_power_watts: ownBudget(
    z.number().positive().nullable().default(null),
    "Power of a decode or aggregated worker, W",
  ),

  frontend_urls: ownMetrics(urls, "Frontends to be scraped; Prometheus is not asked then"),
  worker_urls: ownMetrics(urls, "Workers to be asked for forward passes and load"),

  global_planner_url: connector(address.nullable().default(null), "`global-planner`: its address", {
    preset: "`http://global-planner.<global_planner_namespace>:9087`",
  }),
  global_planner_token: connector(orNull, "Bearer token that the global planner asks for", { secret: true }),
  global_planner_token_file: connector(orNull, "File of that token, read anew for every request"),
  virtual_store: connector(
    z
      .string()
      .regex(/^(etcd:|file:|https?:\/\/)./, "expected etcd:URL[,URL…], file:FOLDER or http://…")
      .default("etcd:http://127.0.0.1:2379"),
    "`virtual`: where decisions are written: `etcd:http://host:2379[,…]`, `file:FOLDER`, or the URL of an HTTP store",
    { env: ["ETCD_ENDPOINTS"] },
  ),
  virtual_store_username: connector(orNull, "User of an etcd that asks for one", { env: ["ETCD_AUTH_USERNAME"] }),
  virtual_store_password: connector(orNull, "Password of that user", { env: ["ETCD_AUTH_PASSWORD"], secret: true }),
  virtual_store_token: connector(orNull, "Bearer token that an HTTP store asks for", { secret: true }),
  virtual_store_ca: connector(orNull, "File of the authority that signed the store's certificate", {
    env: ["ETCD_AUTH_CA"],
  }),
  scaling_check_interval_seconds: connector(
    seconds.default(10),
    "Time between looks whether a change has come about, s",
    { env: ["SCALING_CHECK_INTERVAL"] },
  ),
  scaling_max_wait_seconds: connector(seconds.default(1800), "Longest wait for a change to come about, s", {
    env: ["SCALING_MAX_WAIT_TIME"],
  }),
  control_url: connector(address.nullable().default(null), "`local`: control API of `understudy up`", {
    env: ["UNDERSTUDY_CONTROL_URL"],
  }),
  control_token: connector(orNull, "Bearer token that the control API asks for", { secret: true }),
  control_token_file: connector(orNull, "File of that token, read anew for every request", {
    env: ["UNDERSTUDY_CONTROL_TOKEN_FILE"],
  }),
  lease_folder: connector(
    orNull,
    "`local`: folder by which several planners of a deployment agree who acts; null: there is one",
    { env: ["UNDERSTUDY_LEASE_DIR"] },
  ),
  graph_deployment_name: connector(orNull, "`kubernetes`, `local`: name of the DynamoGraphDeployment", {
    env: ["DYN_PARENT_DGD_K8S_NAME"],
  }),
  kubernetes_target: connector(
    z.enum(["graph", "deployments"]).default("graph"),
    "`kubernetes`: what is scaled: components of the DynamoGraphDeployment, or Deployments with its labels",
  ),
  kubernetes_selector: connector(orNull, "Target `deployments`: their labels", {
    preset: "`nvidia.com/dynamo-graph-deployment-name=<graph_deployment_name>`",
  }),
  kubernetes_namespace: connector(orNull, "`kubernetes`, `local`: namespace of the deployment", {
    preset: "the pod's or the kubeconfig's; `local`: `default`",
    env: ["DYN_PARENT_DGD_K8S_NAMESPACE"],
  }),
  kubeconfig: connector(orNull, "`kubernetes`: kubeconfig", { preset: "`$KUBECONFIG`, `~/.kube/config`, the pod's" }),
  kube_context: connector(orNull, "`kubernetes`: context of the kubeconfig", { preset: "the current one" }),
  leader_election: connector(flag.default(true), "Of several planners for one deployment, one alone acts"),
  identity: connector(orNull, "Name of this planner among them", { preset: "host and process" }),

  time_scale: ownService(
    z.number().positive().default(1),
    "The deployment's model time runs so many times as fast as the clock: that of frontends and workers",
  ),
  listen_host: ownService(text.default("127.0.0.1"), "Address that dashboard, metrics and control API listen on"),
  api_token: ownService(orNull, "Bearer token that the control API asks for", { secret: true }),
  api_token_file: ownService(orNull, "File of that token"),
};

const GROUPS: readonly FieldGroup[] = [
  "Deployment",
  "Strategy",
  "Targets",
  "Performance model",
  "Budget",
  "Throughput scaling",
  "Load scaling",
  "Forecast",
  "Metrics",
  "Connectors",
  "Service",
  "Plugins",
];

/** Keys of one group beside each other. */
function inGroups<Shape extends Record<string, z.ZodType>>(shape: Shape): Shape {
  const place = (schema: z.ZodType) => GROUPS.indexOf(fieldFacts.get(schema)!.group);
  return Object.fromEntries(Object.entries(shape).sort(([, a], [, b]) => place(a) - place(b))) as Shape;
}

/** `planner.yaml`: keys in snake_case with their units, as in Dynamo. */
export const plannerDocumentSchema = z.strictObject(inGroups({ ...dynamoFields, ...ownFields }));

/** A checked document with all defaults. */
export type PlannerDocument = z.output<typeof plannerDocumentSchema>;
