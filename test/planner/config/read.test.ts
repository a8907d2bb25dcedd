import { describe, expect, it } from "vitest";
import { isGiven } from "#planner/config";
import { read, refusal } from "./reading.ts";

describe("what is in effect", () => {
  const file = "max_gpu_budget: 12\nmin_endpoint: 2\nttft: 300\n";
  const environment = { UNDERSTUDY_PLANNER_MAX_GPU_BUDGET: "16", UNDERSTUDY_PLANNER_MIN_ENDPOINT: "3" };

  it("is the flag before the variable before the file before the default", () => {
    const { config, origins } = read(file, ["--max-gpu-budget", "24"], { environment });
    expect(config.budget).toMatchObject({ maxGpus: 24, minGpus: null, minEndpoints: { prefill: 3, decode: 3 } });
    expect(config.sla).toEqual({ ttftMs: 300, itlMs: 50 });
    expect(["max_gpu_budget", "min_endpoint", "ttft_ms", "itl_ms"].map((name) => origins.get(name))).toEqual([
      "flag",
      "env",
      "file",
      "default",
    ]);
  });

  it("says which variable overrules the file, for somebody else may have set it", () => {
    const { notes } = read("namespace: mine", [], { environment: { DYN_NAMESPACE: "theirs" } });
    expect(notes[0]).toBe("$DYN_NAMESPACE overrules --config:1:12 (namespace)");
  });

  it("takes Dynamo's variables", () => {
    const { config } = read(undefined, [], {
      environment: {
        DYN_NAMESPACE: "ns",
        PROMETHEUS_ENDPOINT: "http://prometheus:9090/",
        PLANNER_PROMETHEUS_PORT: "9085",
        DYN_PARENT_DGD_K8S_NAME: "llama",
        ETCD_ENDPOINTS: "http://etcd-0:2379,http://etcd-1:2379",
        SCALING_CHECK_INTERVAL: "2.5",
        SCALING_MAX_WAIT_TIME: "60",
      },
    });
    expect(config).toMatchObject({
      namespace: "ns",
      metrics: { prometheus: { endpoint: "http://prometheus:9090" }, reportingPort: 9085 },
      connector: {
        graphDeploymentName: "llama",
        virtualStore: { kind: "etcd", endpoints: ["http://etcd-0:2379", "http://etcd-1:2379"] },
        checkIntervalMs: 2500,
        maxWaitMs: 60_000,
      },
    });
  });

  it("takes the port of the Prometheus that nobody named from PROMETHEUS_PORT, which Kubernetes may mean otherwise", () => {
    const endpoint = (config: string, port: string) =>
      read(config, [], { environment: { PROMETHEUS_PORT: port } }).config.metrics.prometheus.endpoint;
    const preset = read("{}").config.metrics.prometheus.endpoint;
    expect(endpoint("{}", "9091")).toBe(preset.replace(":9090", ":9091"));
    expect(endpoint("{}", "tcp://10.96.0.7:9090")).toBe(preset);
    expect(endpoint("metric_pulling_prometheus_endpoint: http://mine:1\n", "9091")).toBe("http://mine:1");
    const { origins } = read("{}", [], { environment: { PROMETHEUS_PORT: "9091" } });
    expect(isGiven(origins, "metric_pulling_prometheus_endpoint")).toBe(false);
    const { where, message } = refusal("{}", [], { environment: { PROMETHEUS_PORT: "many" } });
    expect(`${where}: ${message}`).toBe('$PROMETHEUS_PORT: found "many", expected a port, 1 to 65535');
  });

  it("an empty variable says nothing", () => {
    expect(read("{}", [], { environment: { DYN_NAMESPACE: "" } }).config.namespace).toBe("dynamo");
  });

  it.each([
    ["YAML file", "planner.yaml", "mode: agg\nitl: 20\n"],
    ["JSON file", "planner.json", '{"mode": "agg", "itl": 20}'],
    ["file with a byte order mark", "planner.yaml", "\uFEFFmode: agg\nitl: 20\n"],
    ["stdin", "-", "mode: agg\nitl: 20\n"],
  ])("reads a %s", (_what, path, text) => {
    const { config } = read(path, [], {
      readFile: (asked) => {
        expect(asked).toBe(path);
        return text;
      },
    });
    expect(config).toMatchObject({ mode: "agg", sla: { itlMs: 20 } });
  });

  it.each([
    ["JSON", '{"mode": "agg", "itl": 20}'],
    ["YAML in one line", "{mode: agg, itl: 20}"],
    ["YAML in lines", "mode: agg\nitl: 20"],
  ])("reads %s right there", (_what, text) => {
    expect(read(text).config).toMatchObject({ mode: "agg", sla: { itlMs: 20 } });
  });

  it("has every default of Dynamo's planner", () => {
    expect(read("{}").document).toMatchObject({
      mode: "disagg",
      backend: "vllm",
      environment: "kubernetes",
      namespace: "dynamo",
      model_name: null,
      global_planner_namespace: null,
      log_dir: null,
      optimization_target: "throughput",
      ttft_ms: 500,
      itl_ms: 50,
      pre_deployment_sweeping_mode: "rapid",
      profile_results_dir: "profiling_results",
      aic_interpolation: null,
      aic_perf_model: null,
      max_gpu_budget: 8,
      min_gpu_budget: -1,
      min_endpoint: 1,
      prefill_min_endpoint: null,
      decode_min_endpoint: null,
      prefill_engine_num_gpu: null,
      decode_engine_num_gpu: null,
      throughput_adjustment_interval_seconds: 180,
      throughput_metrics_source: "frontend",
      load_adjustment_interval_seconds: 5,
      max_num_fpm_samples: 64,
      fpm_sample_bucket_size: 16,
      load_scaling_down_sensitivity: 80,
      load_min_observations: 5,
      prefill_scale_up_queue_tokens: null,
      prefill_scale_down_queue_tokens: null,
      decode_scale_up_kv_rate: null,
      decode_scale_down_kv_rate: null,
      speculative_nextn: 0,
      load_predictor: "arima",
      load_predictor_log1p: false,
      prophet_window_size: 50,
      load_predictor_warmup_trace: null,
      kalman_q_level: 1,
      kalman_q_trend: 0.1,
      kalman_r: 10,
      kalman_min_points: 5,
      metric_pulling_prometheus_endpoint:
        "http://prometheus-kube-prometheus-prometheus.monitoring.svc.cluster.local:9090",
      metric_pulling_prometheus_token: null,
      metric_pulling_prometheus_token_file: null,
      metric_pulling_prometheus_ssl_verify: false,
      metric_pulling_prometheus_extra_query_params: {},
      metric_pulling_prometheus_ca_bundle: null,
      metric_reporting_prometheus_port: 0,
      advisory: false,
      enable_power_awareness: false,
      total_gpu_power_limit: null,
      report_interval_hours: 24,
      report_output_dir: "./planner_reports",
      report_filename: null,
      report_write_gzip_log: true,
      live_dashboard_port: 8080,
      control_api_port: 9086,
      scheduling: {
        scale_interval_seconds: null,
        tick_max_duration_seconds: 30,
        external_plugins: [],
        gateway: {
          enabled: false,
          listen: "unix:///var/run/dynamo/planner/registry.sock",
          allow_insecure: false,
        },
      },
      plugin_registration: {
        auth: { trusted_sources: [], static_secrets: {} },
        transport: { request_timeout_seconds: 5 },
        protocol_version_min: "1.0",
        protocol_version_max: "1.0",
        heartbeat_timeout_seconds: 15,
        heartbeat_missed_threshold: 2,
        in_process_plugins: [],
        admin: { mode: "allow_all" },
      },
    });
    expect(read("optimization_target: sla").document).toMatchObject({
      enable_throughput_scaling: true,
      enable_load_scaling: false,
    });
  });

  it("takes durations with a unit from flags and variables", () => {
    const { config } = read("optimization_target: sla", ["--ttft", "0.2s", "--throughput-adjustment-interval", "3m"], {
      environment: { UNDERSTUDY_PLANNER_ITL_MS: "12ms", UNDERSTUDY_PLANNER_REPORT_INTERVAL_HOURS: "30m" },
    });
    expect(config.sla).toEqual({ ttftMs: 200, itlMs: 12 });
    expect(config.throughput.intervalMs).toBe(180_000);
    expect(config.service.report.intervalMs).toBe(1_800_000);
  });

  it("takes lists, maps and nothing from flags", () => {
    const { config } = read("{}", [
      "--frontend-urls",
      "http://a:8000,http://b:8000",
      "--metric-pulling-prometheus-extra-query-params",
      '{"tenant": "x"}',
      "--report-interval-hours",
      "none",
      "--report-write-gzip-log=false",
    ]);
    expect(config.metrics.frontendUrls).toEqual(["http://a:8000", "http://b:8000"]);
    expect(config.metrics.prometheus.extraQueryParams).toEqual({ tenant: "x" });
    expect(config.service.report).toMatchObject({ intervalMs: null, gzipLog: false });
  });
});

describe("a refusal", () => {
  it("tells everything at once, each with its place", () => {
    const error = refusal("mode: both\nttft: -1\nkalman: 3\nscheduling:\n  external_plugin: []\n", ["--itl", "soon"]);
    expect(error.code).toBe("PLANNER_CONFIG_INVALID");
    const text = `${error.where}: ${error.message}`;
    expect(text).toMatch(/--config:1:7 \(mode\): found "both", expected one of disagg, prefill, decode, agg/);
    expect(text).toMatch(/--config:2:7 \(ttft\): found -1, expected a number of more than 0/);
    expect(text).toMatch(/--config:3:1 \(kalman\): unknown key "kalman"/);
    expect(text).toMatch(
      /--config:5:3 \(scheduling\.external_plugin\): unknown key .* \(did you mean "external_plugins"/,
    );
    expect(text).toMatch(/--itl: found "soon", expected a number/);
  });

  it.each([
    ["an unknown key, with what was meant", "max_gpu_budgets: 3", /did you mean "max_gpu_budget"/],
    ["two names of one key", "ttft: 1\nttft_ms: 2", /"ttft_ms" and "ttft" are the same key/],
    ["a key twice", "mode: agg\nmode: agg", /not valid YAML/],
    ["a list", "[1]\n", /found no keys and values/],
    ["half a budget", "max_gpu_budget: 2.5", /max_gpu_budget.*a whole number/],
    ["a minimum of -1", "min_endpoint: -1", /min_endpoint.*at least 0/],
    ["a port beyond", "live_dashboard_port: 70000", /live_dashboard_port.*at most 65535/],
    ["a sensitivity beyond", "load_scaling_down_sensitivity: 101", /load_scaling_down_sensitivity.*at most 100/],
    [
      "the gateway",
      "scheduling: {gateway: {enabled: true}}\n",
      /scheduling\.gateway\.enabled.*found true, expected false: plugins do not register themselves here/,
    ],
    ["gRPC", plugin("grpc://127.0.0.1:9"), /external_plugins\[0\]\.endpoint.*gRPC is not spoken here/],
  ])("of %s names the field", (_what, config, expected) => {
    const error = refusal(config);
    expect(`${error.where}: ${error.message} ${error.hint}`).toMatch(expected);
    expect(error.exitCode).toBe(2);
  });

  it("of a flag names the flag, and of a variable the variable", () => {
    expect(refusal("{}", ["--max-gpu-budget", "many"]).where).toBe("--max-gpu-budget");
    const { config } = read("{}", [], { environment: { UNDERSTUDY_PLANNER_TTFT: "0.2s" } });
    expect(config.sla.ttftMs).toBe(200);
    expect(refusal("{}", [], { environment: { UNDERSTUDY_PLANNER_MODE: "x" } }).where).toBe("$UNDERSTUDY_PLANNER_MODE");
    expect(refusal("{}", [], { environment: { UNDERSTUDY_PLANNER_MODES: "x" } }).hint).toBe('did you mean "mode"?');
  });

  it("of two flags that say the same names both", () => {
    expect(refusal("{}", ["--ttft", "1", "--ttft-ms", "2"]).message).toBe("--ttft and --ttft-ms say the same");
  });

  it("of a file that is not there says so", () => {
    expect(refusal("/nowhere/planner.yaml")).toMatchObject({ code: "PLANNER_CONFIG_NOT_FOUND", where: "--config" });
    expect(refusal(".").message).toMatch(/found a folder/);
  });
});

function plugin(endpoint: string): string {
  return `scheduling: {external_plugins: [{plugin_id: a, plugin_type: propose, priority: 5, endpoint: "${endpoint}"}]}\n`;
}
