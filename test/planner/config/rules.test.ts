import { describe, expect, it } from "vitest";
import { requireMinimum } from "#planner/config";
import { read, refusal } from "./reading.ts";

function told(config: string, args: string[] = []): string {
  const { where, message, hint } = refusal(config, args);
  return `${where}: ${message} ${hint ?? ""}`;
}

describe("the strategy", () => {
  it.each([
    [
      "{strategy: hpa}",
      "autoscaler: strategy hpa needs a target: request_rate, concurrency or (decode) kv_percent of decode",
    ],
    [
      "{strategy: keda, mode: disagg, autoscaler: {decode: {concurrency: 5}}}",
      "strategy keda needs a target: queue_length of prefill or decode",
    ],
    ["{strategy: hpa, mode: prefill, autoscaler: {decode: {concurrency: 5}}}", "strategy hpa needs a target"],
  ])("that scales by targets has one: %s", (config, message) => {
    expect(told(config.replace("{strategy: hpa}", "{strategy: hpa, mode: agg}"))).toContain(message);
  });

  it("is ours for target sla, Dynamo's for the others, and said at the start", () => {
    const sla = read("optimization_target: sla");
    expect(sla.config.strategy).toBe("default");
    expect(sla.notes).toEqual([
      "optimization_target sla: strategy default (strategy: load-compat decides as Dynamo does)",
    ]);
    for (const target of ["throughput", "latency"]) {
      expect(read(`optimization_target: ${target}`).config.strategy).toBe("load-compat");
    }
    expect(read("{}").config.strategy).toBe("load-compat");
  });

  it("is Dynamo's where one role alone is scaled", () => {
    expect(read("{mode: prefill, optimization_target: sla}").config.strategy).toBe("load-compat");
  });

  it("is the one that is named", () => {
    const { config, notes } = read("{strategy: default, optimization_target: latency}");
    expect(config).toMatchObject({ strategy: "default", optimizationTarget: "sla" });
    expect(notes).toEqual(["optimization_target latency is left aside: strategy default plans for the SLA"]);
  });

  it("is that of 2025 for its command line, with its defaults", () => {
    const { config, notes } = read(undefined, ["--ttft", "200", "--adjustment-interval", "60", "--no-correction"]);
    expect(config).toMatchObject({
      strategy: "sla-compat",
      namespace: "vllm-disagg-planner",
      engine: { gpus: { prefill: 1, decode: 1 } },
      sla: { ttftMs: 200, itlMs: 50 },
      throughput: { intervalMs: 60_000 },
      service: { tickIntervalMs: 60_000 },
      strategyOptions: { correction: false },
    });
    expect(notes).toHaveLength(1);
    expect(notes[0]).toContain("--strategy default is the better one");
  });

  it("is not that of 2025 where flags say otherwise, or where there is a file", () => {
    const args = ["--ttft", "200", "--no-operation"];
    expect(read(undefined, [...args, "--strategy", "default"]).config).toMatchObject({
      strategy: "default",
      service: { advisory: true },
    });
    expect(read("optimization_target: sla", args).config.strategy).toBe("default");
    expect(read(undefined, ["--ttft", "200", "--frontend-urls", "http://127.0.0.1:8000"]).config.strategy).toBe(
      "default",
    );
    expect(read(undefined, []).config.strategy).toBe("default");
  });

  it.each([
    ["sla-compat", "agg"],
    ["sla-compat", "prefill"],
  ])("%s is refused in mode %s", (strategy, mode) => {
    expect(told(`{strategy: ${strategy}, mode: ${mode}}`)).toMatch(/\(mode\): found .* expected disagg/);
  });

  it("static says how many workers there are", () => {
    expect(told("{strategy: static, static_decode_replicas: 2}")).toMatch(/static_prefill_replicas/);
    expect(
      read("{strategy: static, mode: agg, static_decode_replicas: 2}").config.strategyOptions.staticReplicas,
    ).toEqual({
      prefill: 0,
      decode: 2,
    });
  });
});

describe("targets other than sla", () => {
  it("scale by load alone, and say what they leave aside", () => {
    const { config, notes } = read(
      "{optimization_target: latency, enable_throughput_scaling: true, ttft: 100, itl: 5}",
    );
    expect(config.scaling).toEqual({ throughput: false, load: true });
    expect(notes.slice(1)).toEqual([
      "enable_throughput_scaling is left aside: optimization_target latency scales by load alone",
      "ttft_ms is left aside: optimization_target latency takes no notice of it",
      "itl_ms is left aside: optimization_target latency takes no notice of it",
    ]);
  });

  it("load needs the thresholds of the roles that it scales", () => {
    const error = told("optimization_target: load");
    for (const field of [
      "prefill_scale_up_queue_tokens",
      "prefill_scale_down_queue_tokens",
      "decode_scale_up_kv_rate",
      "decode_scale_down_kv_rate",
    ]) {
      expect(error).toContain(`optimization_target load needs ${field}`);
    }
    const agg = "optimization_target: load\nmode: agg\ndecode_scale_up_kv_rate: 80\ndecode_scale_down_kv_rate: ";
    expect(read(`${agg}40`).config.load.decodeKvRate).toEqual({ up: 80, down: 40 });
    expect(told(`${agg}80`)).toMatch(/\(decode_scale_up_kv_rate\): found 80, expected more than/);
    expect(told(`${agg}101`)).toMatch(/\(decode_scale_down_kv_rate\): found 101/);
  });
});

describe("rules between fields", () => {
  it.each([
    [
      "nothing scales",
      "{strategy: load-compat, optimization_target: sla, enable_throughput_scaling: false}",
      /enable_throughput_scaling and enable_load_scaling are both off/,
    ],
    [
      "nothing scales towards an SLA, though our strategy would",
      "{optimization_target: sla, enable_throughput_scaling: false}",
      /\(enable_throughput_scaling\): .* are both off/,
    ],
    [
      "a port is listened at twice",
      "{metric_reporting_prometheus_port: 9086}",
      /\(metric_reporting_prometheus_port\): found 9086, expected another port: it is control_api_port, too/,
    ],
    [
      "a port is that of a default",
      "{control_api_port: 8080}",
      /\(control_api_port\): found 8080, expected another port: it is live_dashboard_port, too/,
    ],
    [
      "ticks have no length",
      "{scheduling: {scale_interval_seconds: 0.0005}}",
      /found 0\.0005, expected a whole part of/,
    ],
    ...["../x.html", "a/b", "/tmp/x", "..", "a\\\\b"].map((name): [string, string, RegExp] => [
      `a report goes elsewhere: ${name}`,
      `{report_filename: "${name}"}`,
      /\(report_filename\): found .*, expected a name without a folder: report_output_dir is that/,
    ]),
    [
      "load is looked at no more often than throughput",
      "{optimization_target: sla, enable_load_scaling: true, load_adjustment_interval_seconds: 180}",
      /\(load_adjustment_interval_seconds\): found 180, expected less than throughput_adjustment_interval_seconds/,
    ],
    ["buckets are no square", "{fpm_sample_bucket_size: 15}", /\(fpm_sample_bucket_size\): found 15.*such as 16/],
    [
      "the budget is empty",
      "{min_gpu_budget: 9}",
      /\(min_gpu_budget\): found 9, expected at most max_gpu_budget \(8\)/,
    ],
    [
      "a role's minimum meets mode agg",
      "{mode: agg, decode_min_endpoint: 1}",
      /decode_min_endpoint is not for mode agg/,
    ],
    ["a role is not there", "{mode: decode, prefill_min_endpoint: 1}", /\(prefill_min_endpoint\).*no prefill workers/],
    ["the global planner is nowhere", "environment: global-planner", /needs global_planner_namespace/],
    [
      "a token for the global planner twice",
      "{environment: global-planner, global_planner_namespace: g, global_planner_token: a, global_planner_token_file: b}",
      /\(global_planner_token\): global_planner_token and global_planner_token_file are both given/,
    ],
    ["labels have no Deployments", "kubernetes_selector: a=b", /found labels with kubernetes_target graph/],
    ["a local deployment is nowhere", "environment: local", /environment local needs control_url/],
    [
      "a local deployment has no name",
      "{environment: local, control_url: 'http://127.0.0.1:1'}",
      /needs graph_deployment_name/,
    ],
    [
      "a token for the runner twice",
      "{environment: local, control_url: 'http://127.0.0.1:1', graph_deployment_name: g, control_token: a, control_token_file: b}",
      /\(control_token\): control_token and control_token_file are both given/,
    ],
    ["power has no limit", "enable_power_awareness: true", /enable_power_awareness needs total_gpu_power_limit/],
    [
      "power is unknown",
      "{enable_power_awareness: true, total_gpu_power_limit: 5000, environment: virtual}",
      /\(enable_power_awareness\): the power of workers is read from Kubernetes.*_power_watts/,
    ],
    [
      "power meets mode agg",
      "{enable_power_awareness: true, total_gpu_power_limit: 5000, mode: agg}",
      /is not for mode agg/,
    ],
    ["power is nothing", "total_gpu_power_limit: 0", /\(total_gpu_power_limit\): found 0/],
    [
      "ticks miss decisions",
      "{strategy: default, scheduling: {scale_interval_seconds: 2}}",
      /\(scheduling\.scale_interval_seconds\): found 2, expected a whole part of load_adjustment_interval_seconds \(5\)/,
    ],
    [
      "the estimator has no layout",
      "{mode: agg, aic_perf_model: {hf_id: m, system: h200_sxm, backend: vllm, prefill_pick: {tp: 2}}}",
      /needs aic_perf_model\.decode_pick/,
    ],
    [
      "two plugins have one name",
      `scheduling: {external_plugins: [{plugin_id: a, plugin_type: propose, priority: 5, endpoint: "http://h"}, {plugin_id: a, plugin_type: predict, priority: 5, endpoint: "http://h"}]}`,
      /external_plugins\[1\]\.plugin_id\): found "a" twice/,
    ],
    [
      "a plugin is of another contract",
      `plugin_registration: {in_process_plugins: [{plugin_id: a, plugin_type: propose, priority: 5, module: ./a.ts, protocol_version: "2.0"}]}`,
      /in_process_plugins\[0\]\.protocol_version\): found 2\.0, expected 1\.0/,
    ],
    [
      "the token is given twice",
      "{api_token: a, api_token_file: b}",
      /\(api_token\): api_token and api_token_file are both given/,
    ],
  ])("refuse that %s", (_what, config, expected) => {
    const { where, message, hint } = refusal(config.includes("\n") ? config : `${config}\n`);
    expect(`${where}: ${message} ${hint ?? ""}`).toMatch(expected);
  });

  it("ports that are off may be the same", () => {
    const { config } = read("{live_dashboard_port: 0, control_api_port: 0}");
    expect(config.service).toMatchObject({ dashboardPort: null, controlPort: null });
  });

  it.each([
    [
      "{optimization_target: sla, load_predictor: kalman, kalman_r: 5, enable_load_scaling: true, prefill_startup_seconds: 30}",
      "enable_load_scaling, load_predictor, kalman_r are left aside: strategy default, as it is set, takes no notice of them",
    ],
    [
      "{strategy: load-compat, optimization_target: sla, load_predictor: kalman, kalman_r: 5, prophet_window_size: 9, max_replica_step: 2}",
      "max_replica_step, prophet_window_size are left aside: strategy load-compat towards sla, as it is set, takes no notice of them",
    ],
    [
      "{optimization_target: latency, load_predictor: kalman}",
      "load_predictor is left aside: strategy load-compat towards latency, as it is set, takes no notice of it",
    ],
    [
      "{strategy: sla-compat, min_gpu_budget: 4, load_predictor: prophet, prophet_window_size: 9}",
      "min_gpu_budget is left aside: strategy sla-compat, as it is set, takes no notice of it",
    ],
    [
      "{total_gpu_power_limit: 5000}",
      "total_gpu_power_limit is left aside: strategy load-compat towards throughput, as it is set, takes no notice of it",
    ],
    [
      "{strategy: load-compat, optimization_target: sla, load_min_observations: 9, max_num_fpm_samples: 8}",
      "load_min_observations (9) is above max_num_fpm_samples (8): no regression of passes will be asked",
    ],
  ])("tell at the start what counts for nothing: %s", (config, note) => {
    expect(read(config).notes).toContain(note);
  });

  it("say nothing of fields that have their defaults, or that count", () => {
    const { notes } = read(
      "{optimization_target: sla, load_predictor: arima, kalman_r: 10, throughput_adjustment_interval_seconds: 180, autoscaler: {}}",
    );
    expect(notes).toEqual(["optimization_target sla: strategy default (strategy: load-compat decides as Dynamo does)"]);
    const compat =
      "{strategy: load-compat, optimization_target: sla, enable_load_scaling: true, load_predictor: prophet, prophet_window_size: 9, load_scaling_down_sensitivity: 70, speculative_nextn: 2}";
    expect(read(compat).notes).toEqual([]);
  });

  it("a role's minimum goes before the common one", () => {
    expect(read("{min_endpoint: 2, prefill_min_endpoint: 3}").config.budget.minEndpoints).toEqual({
      prefill: 3,
      decode: 2,
    });
  });

  it.each([
    ["load alone", "{optimization_target: latency, load_adjustment_interval_seconds: 7}", 7000],
    [
      "both",
      "{strategy: load-compat, optimization_target: sla, enable_load_scaling: true, load_adjustment_interval_seconds: 12}",
      12_000,
    ],
    [
      "both, to the millisecond",
      "{strategy: load-compat, optimization_target: sla, enable_load_scaling: true, load_adjustment_interval_seconds: 2.5, throughput_adjustment_interval_seconds: 9.25}",
      250,
    ],
    ["throughput alone, which learns at every tick", "{strategy: load-compat, optimization_target: sla}", 5000],
    ["our own strategy", "optimization_target: sla", 5000],
    ["what is asked for", "{strategy: default, scheduling: {scale_interval_seconds: 2.5}}", 2500],
  ])("time between ticks fits the intervals in use: %s", (_what, config, expected) => {
    expect(read(`${config}\n`).config.service.tickIntervalMs).toBe(expected);
  });

  it.each([
    ["file:/tmp/store", { kind: "file", folder: "/tmp/store" }],
    ["file:///tmp/store", { kind: "file", folder: "/tmp/store" }],
    ["http://127.0.0.1:7000/v1", { kind: "http", url: "http://127.0.0.1:7000/v1" }],
    ["etcd://a:2379,b:2379", { kind: "etcd", endpoints: ["http://a:2379", "http://b:2379"] }],
  ])("the virtual environment's store may be %s", (text, expected) => {
    expect(read(`virtual_store: "${text}"\n`).config.connector.virtualStore).toEqual(expected);
  });

  it("limits and ports that are off are null", () => {
    const { config } = read(
      "{max_gpu_budget: -1, live_dashboard_port: 0, control_api_port: 0, report_interval_hours: null}",
    );
    expect(config.budget).toMatchObject({ maxGpus: null, minGpus: null, powerLimitWatts: null });
    expect(config.service).toMatchObject({ dashboardPort: null, controlPort: null, report: { intervalMs: null } });
    expect(config.metrics.reportingPort).toBeNull();
  });

  it.each([
    [
      "{min_endpoint: 10, max_gpu_budget: 2}",
      "(max_gpu_budget): max_gpu_budget is 2, expected at least 20: 10 prefill",
    ],
    ["{strategy: default, min_endpoint: 10, max_gpu_budget: 2}", "(max_gpu_budget): max_gpu_budget is 2, expected"],
    ["{strategy: default, min_endpoint: 5}", "(min_endpoint): max_gpu_budget is 8, expected at least 10"],
    [
      "{strategy: default, prefill_max_gpu_budget: 1, prefill_min_endpoint: 3}",
      "(prefill_max_gpu_budget): prefill_max_gpu_budget is 1, expected at least 3: 3 prefill workers of 1 GPU must",
    ],
    [
      "{mode: agg, decode_engine_num_gpu: 4, max_gpu_budget: 3}",
      "expected at least 4: 1 worker of 4 GPUs must always fit",
    ],
    ["{min_endpoint: 0, max_gpu_budget: 1}", "expected at least 2: 1 prefill worker of 1 GPU and 1 decode worker"],
    ...["default", "load-compat"].map((strategy) => [
      `{strategy: ${strategy}, enable_power_awareness: true, total_gpu_power_limit: 100, prefill_engine_power_watts: 700, decode_engine_power_watts: 700}`,
      "(total_gpu_power_limit): total_gpu_power_limit is 100 W, expected at least 1400 W: 1 prefill worker of 700 W",
    ]),
    [
      "{strategy: default, pre_deployment_sweeping_mode: none}",
      "(pre_deployment_sweeping_mode): found none, expected rapid or thorough: strategy default plans with a profile",
    ],
  ])("limits that can't be kept are refused by the fields that were written: %s", (config, message) => {
    expect(told(config!)).toContain(message!);
  });

  it("a minimum is held against the limits again when workers are known to be larger", () => {
    const configured = read("{min_endpoint: 2, max_gpu_budget: 8}");
    expect(() => requireMinimum(configured, { prefill: 2, decode: 2 })).not.toThrow();
    expect(() => requireMinimum(configured, { prefill: 2, decode: 4 })).toThrowError(
      expect.objectContaining({
        where: "--config:1:35 (max_gpu_budget)",
        message: expect.stringContaining("least 12:"),
      }),
    );
    expect(read("{max_gpu_budget: 0, min_endpoint: 0}").config.budget.maxGpus).toBe(0);
    expect(read("{strategy: sla-compat, min_endpoint: 10, max_gpu_budget: 2}").config.budget.maxGpus).toBe(2);
  });

  it("engines that were not sampled leave what tells of samples aside, and Dynamo's strategy learns without", () => {
    const engine = "{hf_id: a, system: b, backend: vllm}";
    const none = read(
      `{optimization_target: sla, pre_deployment_sweeping_mode: none, profile_results_dir: /p, aic_interpolation: ${engine}}`,
    );
    expect(none.config.strategy).toBe("load-compat");
    expect(none.notes.slice(1)).toEqual([
      "profile_results_dir is left aside: pre_deployment_sweeping_mode none, engines were not sampled",
      "aic_interpolation is left aside: pre_deployment_sweeping_mode none, engines were not sampled",
    ]);
    const thorough = read(
      `{pre_deployment_sweeping_mode: thorough, profile_results_dir: /p, aic_interpolation: ${engine}}`,
    );
    expect(thorough.notes.slice(1)).toEqual([
      "aic_interpolation is left aside: pre_deployment_sweeping_mode thorough, engines were measured",
    ]);
  });

  it("environment none scales nothing", () => {
    expect(read("environment: none").config.service.advisory).toBe(true);
  });
});
