import type { z } from "zod";
import type { externalPluginSchema, inProcessPluginSchema } from "./scheduling-schema.ts";
import type { PlannerDocument } from "./schema.ts";
import { intervalsInUse } from "./strategy.ts";
import type { AutoscalerTargets, PlannerServiceConfig, PluginConfig, StoreAddress, StrategyName } from "./types.ts";

/** The configuration in our own types, from a document that all rules have been applied to. */
export function serviceConfig(document: PlannerDocument & { strategy: StrategyName }): PlannerServiceConfig {
  const { strategy, scheduling, plugin_registration: registration } = document;
  return {
    mode: document.mode,
    backend: document.backend,
    environment: document.environment,
    namespace: document.namespace,
    modelName: document.model_name,
    globalPlannerNamespace: document.global_planner_namespace,
    logDir: document.log_dir,
    strategy,
    optimizationTarget: document.optimization_target,
    scaling: { throughput: document.enable_throughput_scaling, load: document.enable_load_scaling },
    sla: { ttftMs: document.ttft_ms, itlMs: document.itl_ms },
    profile: {
      source: document.profile_results_dir,
      sweepingMode: document.pre_deployment_sweeping_mode,
      aicInterpolation: document.aic_interpolation,
      aicPerfModel: document.aic_perf_model,
    },
    engine: {
      startupMs: {
        prefill: document.prefill_startup_seconds * 1000,
        decode: document.decode_startup_seconds * 1000,
      },
      kvTransferMsPerToken: document.kv_transfer_ms_per_token,
      dpSize: { prefill: document.prefill_engine_dp_size, decode: document.decode_engine_dp_size },
      maxNumSeqs: document.max_num_seqs,
      maxNumBatchedTokens: document.max_num_batched_tokens,
      contextLength: document.context_length,
      maxKvTokens: document.max_kv_tokens,
      speculativeNextn: document.speculative_nextn,
      gpus: { prefill: document.prefill_engine_num_gpu, decode: document.decode_engine_num_gpu },
      powerWatts: { prefill: document.prefill_engine_power_watts, decode: document.decode_engine_power_watts },
    },
    budget: {
      maxGpus: document.max_gpu_budget < 0 ? null : document.max_gpu_budget,
      maxGpusOf: { prefill: document.prefill_max_gpu_budget, decode: document.decode_max_gpu_budget },
      minGpus: document.min_gpu_budget < 0 ? null : document.min_gpu_budget,
      minEndpoints: {
        prefill: document.prefill_min_endpoint ?? document.min_endpoint,
        decode: document.decode_min_endpoint ?? document.min_endpoint,
      },
      powerLimitWatts: document.enable_power_awareness ? document.total_gpu_power_limit : null,
    },
    throughput: {
      intervalMs: milliseconds(document.throughput_adjustment_interval_seconds),
      metricsSource: document.throughput_metrics_source,
    },
    load: {
      intervalMs: milliseconds(document.load_adjustment_interval_seconds),
      maxFpmSamples: document.max_num_fpm_samples,
      fpmBuckets: document.fpm_sample_bucket_size,
      scalingDownSensitivity: document.load_scaling_down_sensitivity,
      minObservations: document.load_min_observations,
      prefillQueueTokens: pair(document.prefill_scale_up_queue_tokens, document.prefill_scale_down_queue_tokens),
      decodeKvRate: pair(document.decode_scale_up_kv_rate, document.decode_scale_down_kv_rate),
    },
    forecast: {
      predictor: document.load_predictor,
      log1p: document.load_predictor_log1p,
      prophetWindow: document.prophet_window_size,
      kalman: {
        // The reference's own least values.
        qLevel: Math.max(1e-12, document.kalman_q_level),
        qTrend: Math.max(1e-12, document.kalman_q_trend),
        r: Math.max(1e-9, document.kalman_r),
        minPoints: document.kalman_min_points,
      },
      warmupTrace: document.load_predictor_warmup_trace,
    },
    strategyOptions: {
      scaleDownDelayMs: milliseconds(document.scale_down_delay_seconds),
      scaleToZeroDelayMs: milliseconds(document.scale_to_zero_delay_seconds),
      maxStep: document.max_replica_step,
      predictionWindow: document.load_prediction_window_size,
      correction: !document.no_correction,
      requestCount: document.request_count,
      autoscaler: autoscalerOptions(document.autoscaler),
      staticReplicas:
        document.static_decode_replicas === null && document.static_prefill_replicas === null
          ? null
          : { prefill: document.static_prefill_replicas ?? 0, decode: document.static_decode_replicas ?? 0 },
    },
    metrics: {
      prometheus: {
        endpoint: document.metric_pulling_prometheus_endpoint.replace(/\/+$/, ""),
        token: document.metric_pulling_prometheus_token,
        tokenFile: document.metric_pulling_prometheus_token_file,
        sslVerify: document.metric_pulling_prometheus_ssl_verify,
        extraQueryParams: document.metric_pulling_prometheus_extra_query_params,
        caBundle: document.metric_pulling_prometheus_ca_bundle,
      },
      frontendUrls: document.frontend_urls,
      workerUrls: document.worker_urls,
      reportingPort: portOf(document.metric_reporting_prometheus_port),
    },
    connector: {
      globalPlanner: globalPlanner(document),
      local: local(document),
      virtualStore: storeAddress(document.virtual_store),
      virtualStoreAccess: {
        username: document.virtual_store_username,
        password: document.virtual_store_password,
        token: document.virtual_store_token,
        caFile: document.virtual_store_ca,
      },
      checkIntervalMs: milliseconds(document.scaling_check_interval_seconds),
      maxWaitMs: milliseconds(document.scaling_max_wait_seconds),
      graphDeploymentName: document.graph_deployment_name,
      kubernetesTarget: { kind: document.kubernetes_target, selector: document.kubernetes_selector },
      kubernetesNamespace: document.kubernetes_namespace,
      kubeconfig: document.kubeconfig,
      kubeContext: document.kube_context,
      leaderElection: document.leader_election,
      identity: document.identity,
    },
    service: {
      advisory: document.advisory || document.environment === "none",
      timeScale: document.time_scale,
      listenHost: document.listen_host,
      dashboardPort: portOf(document.live_dashboard_port),
      controlPort: portOf(document.control_api_port),
      apiToken: document.api_token,
      apiTokenFile: document.api_token_file,
      tickIntervalMs: tickIntervalMs(document, strategy),
      tickMaxDurationMs: milliseconds(scheduling.tick_max_duration_seconds),
      report: {
        intervalMs: document.report_interval_hours === null ? null : document.report_interval_hours * 3_600_000,
        folder: document.report_output_dir,
        filename: document.report_filename,
        gzipLog: document.report_write_gzip_log,
      },
    },
    plugins: {
      configured: [
        ...registration.in_process_plugins.map(modulePlugin),
        ...scheduling.external_plugins.map(httpPlugin),
      ],
      requestTimeoutMs: milliseconds(registration.transport.request_timeout_seconds),
      protocolVersions: { min: registration.protocol_version_min, max: registration.protocol_version_max },
    },
  };
}

function milliseconds(seconds: number): number {
  return Math.round(seconds * 1000);
}

function portOf(port: number): number | null {
  return port === 0 ? null : port;
}

function pair(up: number | null, down: number | null): { up: number; down: number } | null {
  return up === null || down === null ? null : { up, down };
}

/** The greatest common divisor of the intervals in use, to the millisecond, unless one is given. */
function tickIntervalMs(document: PlannerDocument, strategy: StrategyName): number {
  const given = document.scheduling.scale_interval_seconds;
  if (given !== null) return milliseconds(given);
  return intervalsInUse(document, strategy)
    .map((field) => milliseconds(Number(document[field])))
    .reduce(greatestCommonDivisor);
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}

/** In a cluster it is a Service of this name, in the Kubernetes namespace that bears the Dynamo namespace's name. */
function globalPlanner(document: PlannerDocument): PlannerServiceConfig["connector"]["globalPlanner"] {
  if (document.environment !== "global-planner") return null;
  return {
    url: document.global_planner_url ?? `http://global-planner.${document.global_planner_namespace}:9087`,
    token: document.global_planner_token,
    tokenFile: document.global_planner_token_file,
  };
}

function local(document: PlannerDocument): PlannerServiceConfig["connector"]["local"] {
  // A planner that scales by an API server, and that a runner runs, is told by that runner what there is to observe.
  const isPlayed = document.environment === "local" || document.environment === "kubernetes";
  if (!isPlayed || document.control_url === null) return null;
  return {
    url: document.control_url,
    token: document.control_token,
    tokenFile: document.control_token_file,
    leaseFolder: document.lease_folder,
  };
}

function autoscalerOptions({
  tolerance,
  prefill,
  decode,
  ...seconds
}: PlannerDocument["autoscaler"]): PlannerServiceConfig["strategyOptions"]["autoscaler"] {
  const role = (targets: typeof prefill & { kv_percent?: number | null }): AutoscalerTargets => ({
    requestRate: targets.request_rate,
    concurrency: targets.concurrency,
    kvPercent: targets.kv_percent ?? null,
    queueLength: targets.queue_length,
    activation: targets.activation,
  });
  return {
    tolerance,
    upStabilizationMs: milliseconds(seconds.scale_up_stabilization_seconds),
    downStabilizationMs: milliseconds(seconds.scale_down_stabilization_seconds),
    pollingMs: milliseconds(seconds.polling_interval_seconds),
    cooldownMs: milliseconds(seconds.cooldown_period_seconds),
    targets: { prefill: role(prefill), decode: role(decode) },
  };
}

/** An address that the schema has let pass. */
export function storeAddress(text: string): StoreAddress {
  if (text.startsWith("file:")) return { kind: "file", folder: text.slice("file:".length).replace(/^\/\/(?=\/)/, "") };
  if (!text.startsWith("etcd:")) return { kind: "http", url: text };
  const endpoints = text
    .slice("etcd:".length)
    .split(",")
    .map((endpoint) => endpoint.trim())
    .map((endpoint) => (/^https?:/.test(endpoint) ? endpoint : `http://${endpoint.replace(/^\/\//, "")}`));
  return { kind: "etcd", endpoints };
}

type Basics = Pick<PluginConfig, "id" | "stage" | "priority" | "protocolVersion" | "version" | "intervalMs"> &
  Pick<PluginConfig, "holdPolicy" | "needs" | "requires" | "observationWindowMs">;

function pluginBasics(plugin: z.output<typeof externalPluginSchema> | z.output<typeof inProcessPluginSchema>): Basics {
  return {
    id: plugin.plugin_id,
    stage: plugin.plugin_type,
    priority: plugin.priority,
    protocolVersion: plugin.protocol_version,
    version: plugin.version,
    intervalMs: milliseconds(plugin.execution_interval_seconds),
    holdPolicy: plugin.hold_policy,
    needs: plugin.needs,
    requires: plugin.requires_produced_fields,
    observationWindowMs: milliseconds(plugin.observation_window_seconds),
  };
}

function httpPlugin(plugin: z.output<typeof externalPluginSchema>): PluginConfig {
  const authToken = plugin.auth_token === "" ? null : plugin.auth_token;
  return { ...pluginBasics(plugin), transport: "http", endpoint: plugin.endpoint, authToken };
}

function modulePlugin(plugin: z.output<typeof inProcessPluginSchema>): PluginConfig {
  return { ...pluginBasics(plugin), transport: "module", module: plugin.module, options: plugin.options };
}
