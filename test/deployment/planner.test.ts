import { describe, expect, it } from "vitest";
import { type PlannerPlan, type RenderPlan, renderDeployment, yamlStream } from "#src/deployment";
import { engineLayout } from "#src/estimator";
import { components, disaggPlan, PROFILE } from "./plans.ts";

const planner = (plan: Partial<PlannerPlan> = {}): PlannerPlan => ({
  dialect: "1.0",
  image: "registry.example/dynamo-planner:1.0",
  settings: {},
  scaling: "disagg",
  ...plan,
});

const old = (dialect: "0.6" | "0.8", settings: Record<string, unknown>, plan: Partial<RenderPlan> = {}) =>
  renderDeployment(
    disaggPlan({ version: "v1alpha1", profile: PROFILE, planner: planner({ dialect, settings }), ...plan }),
  );

describe("the planner of 0.6 and 0.8", () => {
  const settings = { ttft: 200, itl: 20, planner_min_endpoint: 2, "planner-load-predictor": "linear" };

  it("[R112] [R195] has shared settings first, its own after them, both in order, prefixes stripped, then what was found", () => {
    const { Planner } = components(
      old("0.8", { ...settings, no_correction: true, prefill_engine_num_gpu: 99 }).at(-1)!,
    );
    expect(Planner!.args).toEqual([
      "--backend=vllm",
      "--itl=20.0",
      "--ttft=200.0",
      "--adjustment-interval=180",
      "--environment=kubernetes",
      "--load-prediction-window-size=50",
      "--load-predictor=linear",
      "--max-gpu-budget=8",
      "--min-endpoint=2",
      "--no-correction",
      "--prometheus-port=0",
      "--prefill-engine-num-gpu=2",
      "--decode-engine-num-gpu=4",
      "--profile-results-dir=/workspace/profiling_results",
    ]);
    expect(Planner!.container).toMatchObject({
      image: disaggPlan().image,
      command: ["python3", "-m", "planner_sla"],
      workingDir: "/workspace/components/src/dynamo/planner",
    });
  });

  it("[R195] false and null make no flag, numbers keep their fractions", () => {
    const { Planner } = components(old("0.8", { ttft: 12.5, no_operation: false, log_dir: null }).at(-1)!);
    expect(Planner!.args).toContain("--ttft=12.5");
    expect(Planner!.args.join(" ")).not.toMatch(/no-operation|log-dir/);
  });

  it("[R108] [R112] in 0.8 the stream is the profile's ConfigMap and the deployment that mounts it", () => {
    const [configMap, dgd, ...more] = old("0.8", settings);
    expect(more).toEqual([]);
    expect([configMap!.kind, configMap!.metadata!.name, dgd!.kind]).toEqual([
      "ConfigMap",
      "planner-profile-data",
      "DynamoGraphDeployment",
    ]);
    const { Planner } = components(dgd!);
    expect(Planner!.volumes).toEqual([{ name: "planner-profile-data", configMap: { name: "planner-profile-data" } }]);
    expect(Planner!.container.volumeMounts).toEqual([
      { name: "planner-profile-data", mountPath: "/workspace/profiling_results", readOnly: true },
    ]);
    expect(Planner!.args.join(" ")).not.toContain("--namespace");
  });

  it("[R108] [R112] in 0.6 it is one deployment, whose planner reads the Job's PVC", () => {
    const [dgd, ...more] = old("0.6", settings);
    expect(more).toEqual([]);
    expect(dgd!.spec).toMatchObject({ pvcs: [{ name: "dynamo-pvc", create: false }] });
    const { Planner } = components(dgd!);
    expect(Planner!.fields).toMatchObject({
      dynamoNamespace: "vllm-disagg",
      componentType: "planner",
      replicas: 1,
      volumeMounts: [{ name: "dynamo-pvc", mountPoint: "/data" }],
    });
    expect(Planner!.args.slice(-4)).toEqual([
      "--namespace=vllm-disagg",
      "--prefill-engine-num-gpu=2",
      "--decode-engine-num-gpu=4",
      "--profile-results-dir=/data",
    ]);
  });

  it("is in the frontend's Dynamo namespace, or in dynamo", () => {
    const base = renderDeployment(disaggPlan({ version: "v1alpha1", dialect: "0.6" }))[0]!;
    const services = (base.spec as { services: Record<string, { dynamoNamespace?: string }> }).services;
    services.Frontend!.dynamoNamespace = "theirs";
    const namespaceOf = () => components(old("0.6", {}, { base }).at(-1)!).Planner!.fields.dynamoNamespace;
    expect(namespaceOf()).toBe("theirs");
    delete services.Frontend!.dynamoNamespace;
    expect(namespaceOf()).toBe("dynamo");
  });

  it("takes the place of a planner that the base has", () => {
    const base = old("0.8", { ttft: 1 }).at(-1)!;
    const { Planner } = components(old("0.8", { ttft: 2 }, { base }).at(-1)!);
    expect(Planner!.args.filter((arg) => arg.startsWith("--ttft"))).toEqual(["--ttft=2.0"]);
    expect(Planner!.volumes).toHaveLength(1);
  });
});

describe("the planner of 1.0", () => {
  const settings = { enable_throughput_scaling: true, pre_deployment_sweeping_mode: "rapid", ttft_ms: 200 };
  const documents = (plan: Partial<RenderPlan> = {}) =>
    renderDeployment(disaggPlan({ planner: planner({ settings }), profile: PROFILE, ...plan }));

  it("[R109] [R111] [R202] its settings, the profile's samples, then the deployment", () => {
    expect(documents().map(({ kind, metadata }) => [kind, metadata!.name])).toEqual([
      ["ConfigMap", "planner-config-3fa1"],
      ["ConfigMap", "planner-profile-data-9c0e"],
      ["DynamoGraphDeployment", "vllm-disagg"],
    ]);
    const withoutProfile = renderDeployment(disaggPlan({ planner: planner() }));
    expect(withoutProfile.map(({ metadata }) => metadata!.name)).toEqual(["planner-config-3fa1", "vllm-disagg"]);
    expect(renderDeployment(disaggPlan({ profile: PROFILE })).map(({ kind }) => kind)).toEqual([
      "DynamoGraphDeployment",
    ]);
  });

  it("[R110] the settings are JSON with the engines' sizes and where the samples are mounted", () => {
    const data = documents()[0]!.data as Record<string, string>;
    expect(Object.keys(data)).toEqual(["planner_config.json"]);
    expect(Object.entries(JSON.parse(data["planner_config.json"]!))).toEqual([
      ["pre_deployment_sweeping_mode", "rapid"],
      ["backend", "vllm"],
      ["mode", "disagg"],
      ["enable_throughput_scaling", true],
      ["ttft_ms", 200],
      ["prefill_engine_num_gpu", 2],
      ["decode_engine_num_gpu", 4],
      ["profile_results_dir", "/workspace/profiling_results"],
    ]);
  });

  it("[R107] [R111] the samples are JSON under the planner's own keys, the KV capacity a number", () => {
    const data = documents()[1]!.data as Record<string, string>;
    expect(Object.keys(data)).toEqual(["prefill_raw_data.json", "decode_raw_data.json"]);
    expect(JSON.parse(data["prefill_raw_data.json"]!)).toEqual({
      prefill_isl: [100, 2621, 5142],
      prefill_ttft: [34.75, 48.17, 80.5],
      prefill_thpt_per_gpu: [2877.2, 54408.7, 63875.5],
    });
    expect(Object.entries(JSON.parse(data["decode_raw_data.json"]!))).toEqual([
      ["x_kv_usage", [0.0005, 0.5]],
      ["y_context_length", [350, 350]],
      ["z_itl", [3.2, 8.5]],
      ["z_thpt_per_gpu", [310.4, 9000]],
      ["max_kv_tokens", 643891],
    ]);
  });

  it("[R112] [R202] mounts both ConfigMaps and starts from its settings", () => {
    const { Planner } = components(documents().at(-1)!);
    expect(Planner!.type).toBe("planner");
    expect(Planner!.container).toMatchObject({
      image: "registry.example/dynamo-planner:1.0",
      command: ["python3", "-m", "dynamo.planner"],
      args: ["--config", "/workspace/planner_config/planner_config.json"],
      workingDir: "/workspace/components/src/dynamo/planner",
      volumeMounts: [
        { name: "planner-config-3fa1", mountPath: "/workspace/planner_config", readOnly: true },
        { name: "planner-profile-data-9c0e", mountPath: "/workspace/profiling_results", readOnly: true },
      ],
    });
    expect(Planner!.volumes.map(({ configMap }) => configMap)).toEqual([
      { name: "planner-config-3fa1" },
      { name: "planner-profile-data-9c0e" },
    ]);
  });

  it.each([
    ["disagg", ["VllmDecodeWorker", "VllmPrefillWorker"]],
    ["prefill", ["VllmPrefillWorker"]],
    ["decode", ["VllmDecodeWorker"]],
    ["none", []],
  ] as const)("[R112] workers that a planner of mode %s scales get an adapter", (scaling, names) => {
    const scalable = (version: "v1alpha1" | "v1beta1") =>
      Object.values(components(documents({ version, planner: planner({ scaling }) }).at(-1)!)).filter(
        ({ fields }) => fields.scalingAdapter !== undefined,
      );
    expect(scalable("v1beta1").map(({ name }) => name)).toEqual(names);
    expect(scalable("v1beta1").map(({ fields }) => fields.scalingAdapter)).toEqual(names.map(() => ({})));
    expect(scalable("v1alpha1").map(({ fields }) => fields.scalingAdapter)).toEqual(
      names.map(() => ({ enabled: true })),
    );
  });

  it("scales the workers of an aggregated deployment, which v1alpha1 knows as decode", () => {
    const agg = { layout: engineLayout("tp4"), replicas: 1 };
    for (const [version, type] of [
      ["v1alpha1", "decode"],
      ["v1beta1", "worker"],
    ] as const) {
      const plan = { version, mode: "agg", agg, planner: planner({ scaling: "agg" }) } as const;
      const documents = renderDeployment({ ...disaggPlan(), ...plan, prefill: undefined!, decode: undefined! });
      const { VllmDecodeWorker } = components(documents.at(-1)!);
      expect([VllmDecodeWorker!.type, VllmDecodeWorker!.fields.scalingAdapter === undefined]).toEqual([type, false]);
      const data = documents[0]!.data as Record<string, string>;
      expect(JSON.parse(data["planner_config.json"]!)).toMatchObject({ mode: "agg", decode_engine_num_gpu: 4 });
    }
  });

  it("vLLM's workers measure themselves for it, other backends' don't", () => {
    const modes = (backend: "vllm" | "sglang") =>
      Object.values(components(documents({ backend }).at(-1)!)).map(
        ({ container }) => container.env?.find(({ name }) => name === "DYN_BENCHMARK_MODE")?.value,
      );
    expect(modes("vllm")).toEqual([undefined, "decode", "prefill", undefined]);
    expect(modes("sglang").filter(Boolean)).toEqual([]);
  });
});

describe("streams", () => {
  const documents = renderDeployment(disaggPlan({ planner: planner(), profile: PROFILE }));

  it("[R109] have keys as they come since 1.0, in order until 0.8", () => {
    const heads = (dialect: "0.8" | "1.0") => yamlStream(documents, dialect).split("---\n");
    expect(heads("1.0").map((text) => text.split("\n")[0])).toEqual([
      "apiVersion: v1",
      "apiVersion: v1",
      "apiVersion: nvidia.com/v1beta1",
    ]);
    expect(heads("1.0")[2]).toMatch(/- name: Frontend\n {4}type: frontend\n/);
    expect(heads("0.8")[2]).toMatch(/- name: Frontend\n {4}podTemplate:\n/);
    expect(heads("0.8")[0]).toMatch(/^apiVersion: v1\ndata:\n/);
  });

  it("fold long texts at 80 columns, quote what YAML 1.1 takes for something else", () => {
    const text = yamlStream([{ apiVersion: "v1", kind: "X", a: "word ".repeat(40).trim(), b: "on", c: "1" }], "0.8");
    expect(Math.max(...text.split("\n").map((line) => line.length))).toBeLessThanOrEqual(80);
    expect(text).toContain("b: 'on'");
    expect(text).toContain("c: '1'");
  });

  it("of nothing are null", () => {
    expect(yamlStream([], "1.0")).toBe("null\n...\n");
  });
});
