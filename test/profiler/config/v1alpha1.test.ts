import { describe, expect, it } from "vitest";
import { mistake, readFlags, readText, SLA, v1alpha1 } from "./read.ts";

const request = (config = SLA, specLines: string[] = [], backend = "vllm") =>
  readText(v1alpha1(config, specLines, backend));
const without = (line: string, text = v1alpha1(SLA)) =>
  text
    .split("\n")
    .filter((each) => !each.includes(line))
    .join("\n");

describe("a DGDR v1alpha1", () => {
  it("[R013] is told by apiVersion and kind, and has a name", () => {
    expect(request().source).toMatchObject({ kind: "dgdr", name: "sla" });
    expect(mistake(() => readText(without("name: sla"))).message).toContain("metadata");
    expect(() => readText(v1alpha1(SLA).replace("DynamoGraphDeploymentRequest", "Deployment"))).toThrow();
    expect(() => readText(v1alpha1(SLA).replace("v1alpha1", "v2"))).toThrow();
  });

  it.each([
    ["[R014] a model", "model:", "spec.model is required"],
    ["[R015] a backend", "backend:", "spec.backend is required"],
    ["[R016] the profiler's image", "profilerImage:", "profilingConfig.profilerImage is required"],
    ["[R022] targets", "sla: {", "config"],
  ])("%s is required", (_, line, message) => {
    expect(mistake(() => readText(without(line))).message).toContain(message);
  });

  it("[R022] targets are required beside other sections, too", () => {
    const { message, hint } = mistake(() => request("engine: {max_context_length: 8192}"));
    expect(message).toContain("profilingConfig.config.sla is required");
    expect(hint).toContain("isl");
  });

  it("[R015] refuses a backend that is none, with place and a hint", () => {
    const error = mistake(() => request(SLA, [], "vlm"));
    expect(error.where).toMatch(/^request\.yaml:7:\d+/);
    expect(`${error.message} ${error.hint}`).toContain("vllm");
  });

  it("[R018] takes all sections of its config", () => {
    const read = request(
      [
        SLA,
        "hardware: {min_num_gpus_per_engine: 2, max_num_gpus_per_engine: 4, num_gpus_per_node: 4, gpu_type: h200_sxm}",
        "sweep: {use_ai_configurator: true, prefill_interpolation_granularity: 9}",
        "aic: {system: h200_sxm, model_name: QWEN3_32B, backend_version: 0.20.0}",
        "planner: {planner_min_endpoint: 2}",
        "engine: {max_context_length: 8192}",
        "deployment: {service_name: mine}",
        "output_dir: elsewhere",
      ].join("\n"),
    );
    expect(read).toMatchObject({
      dialect: "0.6",
      workload: { isl: 3000, osl: 150 },
      sla: { ttftMs: 200, itlMs: 20 },
      hardware: { gpuSku: "h200_sxm", gpusPerNode: 4, minGpusPerEngine: 2, maxGpusPerEngine: 4 },
      sweep: { prefillGranularity: 9 },
      aic: { system: "h200_sxm", model: "QWEN3_32B", backendVersion: "0.20.0" },
      engine: { maxContextLength: 8192 },
      deployment: { serviceName: "mine" },
      outputDir: "elsewhere",
    });
    expect(read.planner!.settings).toMatchObject({ min_endpoint: 2 });
  });

  it("[R020] applies by itself only where it says so", () => {
    expect(request(SLA, ["autoApply: true"]).autoApply).toBe(true);
    expect(request().autoApply).toBe(false);
  });

  it("[R022] has ISL and OSL as whole numbers, and targets in ms with fractions", () => {
    const read = request("sla: {isl: 4096, osl: 77, ttft: 123.5, itl: 7.25}");
    expect(read.workload).toEqual({ isl: 4096, osl: 77 });
    expect(read.sla).toMatchObject({ ttftMs: 123.5, itlMs: 7.25 });
    expect(mistake(() => request("sla: {isl: 3000.5, osl: 150, ttft: 200, itl: 20}")).where).toContain("isl");
  });

  it("[R025] keeps the most GPUs of an engine that it says", () => {
    expect(
      request(`${SLA}\nhardware: {max_num_gpus_per_engine: 2, gpu_type: h200_sxm}`).hardware.maxGpusPerEngine,
    ).toBe(2);
  });

  it("[R027] [R196] takes the GPU's name as a hint, in any spelling, and drops one it doesn't know with a warning", () => {
    expect(request(`${SLA}\nhardware: {gpu_type: NVIDIA-H200}`).hardware.gpuSku).toBe("h200_sxm");
    const unknown = request(`${SLA}\nhardware: {gpu_type: abacus}`);
    expect(unknown.hardware.gpuSku).toBeUndefined();
    expect(unknown.warnings.join()).toContain("abacus");
  });

  it("[R028] [R164] falls back to engines of 1 to 8 GPUs on nodes of 8", () => {
    expect(request().hardware).toMatchObject({
      minGpusPerEngine: 1,
      maxGpusPerEngine: 8,
      gpusPerNode: 8,
      discovered: false,
    });
    const zero = request(`${SLA}\nhardware: {minNumGpusPerEngine: 0, maxNumGpusPerEngine: 0, numGpusPerNode: 0}`);
    expect(zero.hardware).toMatchObject({ minGpusPerEngine: 1, maxGpusPerEngine: 4, gpusPerNode: 8 });
    expect(zero.warnings.join()).toContain(
      "GPU discover is disabled and num_gpus_per_node is not specified, setting to 8",
    );
  });

  it("[R029] leaves the bounds of an engine to the model's size where a GPU is known", () => {
    const { hardware } = request(`${SLA}\nhardware: {gpu_type: h200_sxm}`);
    expect(hardware.minGpusPerEngine).toBeUndefined();
    expect(hardware.maxGpusPerEngine).toBeUndefined();
  });

  it("[R030] measures unless it asks for the AI Configurator", () => {
    expect(request().strategy).toBe("thorough");
    const aic = "aic: {system: h200_sxm, model_name: QWEN3_32B, backend_version: 1.0.0rc6}";
    expect(request(`${SLA}\nsweep: {use_ai_configurator: true}\n${aic}`).strategy).toBe("rapid");
  });

  it("[R031] [R032] samples 16 prompt lengths and 6 contexts unless it says otherwise", () => {
    expect(request().sweep).toMatchObject({ prefillGranularity: 16, decodeGranularity: 6 });
    const endless = mistake(() => request(`${SLA}\nsweep: {decode_interpolation_granularity: 100000}`));
    expect(`${endless.where} ${endless.message}`).toMatch(/decode_interpolation_granularity.*at most 1000/);
    const coarse = "sweep: {prefill_interpolation_granularity: 4, decode_interpolation_granularity: 3}";
    expect(request(`${SLA}\n${coarse}`).sweep).toMatchObject({ prefillGranularity: 4, decodeGranularity: 3 });
  });

  it.each([
    [
      "sweep: {use_ai_configurator: true, aic_system: h200_sxm, aic_model_name: QWEN3_32B, aic_backend_version: 0.20.0}",
    ],
    ["sweep: {use_ai_configurator: true}\naic: {system: h200_sxm, model_name: QWEN3_32B, backend_version: 0.20.0}"],
    [
      "sweep: {use_ai_configurator: true}\naic_system: h200_sxm\naic_model_name: QWEN3_32B\naic_backend_version: 0.20.0",
    ],
  ])("[R033] takes the AI Configurator's settings from every place: %s", (lines) => {
    expect(request(`${SLA}\n${lines}`).aic).toMatchObject({
      system: "h200_sxm",
      model: "QWEN3_32B",
      backendVersion: "0.20.0",
    });
  });

  it("[R034] asks for the AI Configurator's settings where it is to be used, in the original's words", () => {
    const error = mistake(() => request(`${SLA}\nsweep: {use_ai_configurator: true}`));
    expect(error.message).toBe("Must provide --aic-system when using --use-ai-configurator.");
    expect(error.hint).toContain("aic_system");
    const idle = request(`${SLA}\nsweep: {aic_system: h200_sxm}`);
    expect(idle.warnings.join()).toContain("Will ignore --aic-system, --aic-model-name, and/or --backend-version");
  });

  it("[R205] needs the GPU alone of the AI Configurator's settings in camelCase", () => {
    const read = request(`${SLA}\nsweep: {useAiConfigurator: true, aicSystem: h200_sxm}`);
    expect(read).toMatchObject({ dialect: "0.8", strategy: "rapid", aic: { system: "h200_sxm" } });
  });

  it("[R038] [R195] passes planner settings on, with and without prefix, in every spelling", () => {
    const settings = [
      "planner: {planner_adjustment_interval: 60, min-endpoint: 2, plannerLoadPredictor: linear, plannerMaxGpuBudget: 16}",
    ].join("\n");
    const read = request(`${SLA}\n${settings}`);
    expect(read.planner!.settings).toMatchObject({
      adjustment_interval: 60,
      min_endpoint: 2,
      load_predictor: "linear",
      max_gpu_budget: 16,
    });
    expect(readFlags({ model: "Qwen/Qwen3-32B", "planner-min-endpoint": "3" }).planner!.settings).toMatchObject({
      min_endpoint: 3,
    });
  });

  it("[R039] puts its own model and backend over those of the config, with a warning", () => {
    const read = request(`${SLA}\nengine: {backend: sglang}\ndeployment: {model: other/model}`);
    expect(read).toMatchObject({ model: "Qwen/Qwen3-32B", backend: "vllm" });
    expect(read.warnings.join()).toContain("other/model");
    expect(read.warnings.join()).toContain("sglang");
  });

  it("[R017] [R039] starts from the DGD in the ConfigMap it refers to, under disagg.yaml unless it names a key", () => {
    const ref = (lines: string[]) =>
      v1alpha1(SLA).replace(
        "    config:\n",
        `    configMapRef:\n${lines.map((line) => `      ${line}\n`).join("")}    config:\n`,
      );
    const map = JSON.stringify({
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: "base" },
      data: {
        "disagg.yaml":
          "apiVersion: nvidia.com/v1alpha1\nkind: DynamoGraphDeployment\nmetadata: {name: mine}\nspec: {services: {Frontend: {componentType: frontend}}}\n",
      },
    });
    const options = { input: { configMap: "map.yaml" }, files: { "map.yaml": map } };
    expect(readText(ref(["name: base"]), options).deployment.base!.metadata!.name).toBe("mine");
    const error = mistake(() => readText(ref(["name: base", "key: agg.yaml"]), options));
    expect(error.message).toBe("key agg.yaml not found in ConfigMap base");
    expect(mistake(() => readText(ref(["name: other"]), options)).message).toBe(
      "ConfigMap other not found in namespace default",
    );
  });

  it("[R040] is a mixture of experts where it says so; in 0.6 for SGLang alone", () => {
    expect(request(`${SLA}\nengine: {is_moe_model: true}`, [], "sglang").engine.isMoe).toBe(true);
    expect(mistake(() => request(`${SLA}\nengine: {is_moe_model: true}`)).message).toBe(
      "MoE model support is only available for SGLang",
    );
  });

  it("[R041] takes sweep.min_num_gpus and max_num_gpus for the bounds of an engine", () => {
    expect(request(`${SLA}\nsweep: {min_num_gpus: 2, max_num_gpus: 4}`).hardware).toMatchObject({
      minGpusPerEngine: 2,
      maxGpusPerEngine: 4,
    });
    expect(mistake(() => request(`${SLA}\nsweep: {min_num_gpus: 8, max_num_gpus: 4}`)).message).toContain(
      "at least 8 GPUs an engine and at most 4",
    );
  });

  it("[R044] takes every key in snake_case and in camelCase, and not both at once", () => {
    const snake = request(
      `${SLA}\nhardware: {min_num_gpus_per_engine: 2, max_num_gpus_per_engine: 4, num_gpus_per_node: 4}\nsweep: {prefill_interpolation_granularity: 5, skip_existing_results: true}`,
    );
    const camel = request(
      `${SLA}\nhardware: {minNumGpusPerEngine: 2, maxNumGpusPerEngine: 4, numGpusPerNode: 4}\nsweep: {prefillInterpolationGranularity: 5, skipExistingResults: true}`,
    );
    expect([snake.dialect, camel.dialect]).toEqual(["0.6", "0.8"]);
    for (const part of ["hardware", "sweep", "workload", "sla"] as const) expect(camel[part]).toEqual(snake[part]);
    expect(snake.hardware).toMatchObject({ minGpusPerEngine: 2, maxGpusPerEngine: 4, gpusPerNode: 4 });
    expect(snake.sweep).toMatchObject({ prefillGranularity: 5, skipExisting: true });
    const both = mistake(() => request(`${SLA}\nhardware: {num_gpus_per_node: 4, numGpusPerNode: 8}`));
    expect(both.message).toContain("are the same key");
  });

  it("warns of keys nobody knows, with place and what may have been meant", () => {
    const { warnings } = request(`${SLA}\nhardware: {num_gpu_per_node: 4}`);
    expect(warnings.join()).toMatch(/request\.yaml:\d+:\d+.*num_gpu_per_node.*num_gpus_per_node/);
  });
});

describe("a profiling config by itself", () => {
  const read = (text: string, flags: Record<string, string | true> = {}) =>
    readFlags({ model: "Qwen/Qwen3-32B", ...flags }, { profileConfig: text });

  it.each([
    [
      "a Python dict literal",
      "{'sla': {'isl': 3000, 'osl': 150, 'ttft': 200.0, 'itl': 20.0}, 'engine': {'backend': 'sglang'}, 'sweep': {'dry_run': True}}",
    ],
    [
      "JSON",
      '{"sla": {"isl": 3000, "osl": 150, "ttft": 200.0, "itl": 20.0}, "engine": {"backend": "sglang"}, "sweep": {"dry_run": true}}',
    ],
    ["YAML", "sla: {isl: 3000, osl: 150, ttft: 200.0, itl: 20.0}\nengine: {backend: sglang}\nsweep: {dry_run: true}\n"],
  ])("[R042] is read as %s", (_, text) => {
    expect(read(text)).toMatchObject({
      backend: "sglang",
      workload: { isl: 3000, osl: 150 },
      sla: { ttftMs: 200, itlMs: 20 },
      sweep: { dryRun: true },
    });
  });

  it("[R042] is overruled by flags", () => {
    expect(read("sla: {isl: 3000, ttft: 200.0}", { isl: "512", backend: "trtllm" })).toMatchObject({
      backend: "trtllm",
      workload: { isl: 512 },
      sla: { ttftMs: 200 },
    });
  });

  it("[R042] that is none of them is refused with examples", () => {
    expect(mistake(() => read("{'sla': ")).message).toMatch(
      /^Failed to parse config string\. Expected Python dict literal, YAML, or JSON format\. Examples: /,
    );
  });
});
