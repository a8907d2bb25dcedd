import { describe, expect, it } from "vitest";
import { mistake, readFlags, readText, SLA, spec, v1alpha1 } from "./read.ts";

const read = (changes: Record<string, unknown> = {}, isSupported?: () => boolean) =>
  readText(spec(changes), isSupported === undefined ? {} : { isSupported });
const never = () => false;
const planner = (settings: Record<string, unknown>) => ({ features: { planner: settings } });

describe("gate checks", () => {
  it.each([
    ["ttft", { ttft: 0, itl: 20 }],
    ["itl", { ttft: 200, itl: -1 }],
    ["e2eLatency", { ttft: null, itl: null, e2eLatency: 0 }],
  ])("[R056] a target of %s is above zero", (name, sla) => {
    const error = mistake(() => read({ sla }));
    expect(error.where).toContain(name);
    expect(`${error.message}`).toMatch(/positive|greater|above|> ?0|>0/i);
  });

  it.each([
    ["only TTFT taken away", { ttft: null }, "ttft and itl must both be provided together."],
    ["only ITL taken away", { ttft: 200, itl: null }, "ttft and itl must both be provided together."],
    [
      "both taken away, and nothing else",
      { ttft: null, itl: null },
      "Either both 'ttft' and 'itl', or 'e2eLatency', must be provided in the SLA spec.",
    ],
  ])("[R056] targets are complete: %s", (_, sla, message) => {
    const error = mistake(() => read({ sla }));
    expect(error.message).toBe(message);
    expect(error.hint).toBeTruthy();
  });

  it("[R057] thorough can't search all backends: it wants one named", () => {
    const error = mistake(() => read({ searchStrategy: "thorough", backend: "auto" }));
    expect(error.message).toBe(
      "THOROUGH search strategy does not support 'auto' backend. Please specify a concrete backend (trtllm, vllm, sglang).",
    );
    expect(mistake(() => read({ searchStrategy: "thorough", backend: null })).message).toBe(error.message);
    expect(read({ searchStrategy: "rapid", backend: "auto" }).backend).toBe("auto");
  });

  it("[R058] [R204] throughput scaling without estimates is refused", () => {
    const error = mistake(() => read(planner({ enable_throughput_scaling: true }), never));
    expect(error.message).toBe(
      "Throughput-based planner scaling requires AIC support, but Qwen/Qwen3-32B on h200_sxm/trtllm is not supported by AIC. Use a supported model/hardware/backend combination or disable throughput scaling.",
    );
    expect(error.hint).toContain("quantized variant");
    expect(read(planner({ enable_throughput_scaling: true }), () => true).planner!.enableThroughputScaling).toBe(true);
  });

  it("[R059] rapid sweeping without estimates becomes none, with a warning", () => {
    const settings = {
      enable_throughput_scaling: false,
      enable_load_scaling: true,
      pre_deployment_sweeping_mode: "rapid",
    };
    const request = read(planner(settings), never);
    expect(request.sweep.interpolation).toBe("none");
    expect(request.planner!.settings.pre_deployment_sweeping_mode).toBe("none");
    expect(request.warnings).toContain(
      "Planner pre-deployment sweeping mode is 'rapid' but AIC does not support Qwen/Qwen3-32B on h200_sxm/trtllm. Falling back to 'none' (no pre-deployment sweeping).",
    );
    const covered = read(planner(settings), () => true);
    expect(covered.sweep.interpolation).toBe("rapid");
    expect(covered.warnings.join()).not.toContain("Falling back");
  });

  it("[R060] a target for the whole request excludes those of TTFT and ITL, which have defaults", () => {
    const message = "SLA must specify either (ttft and itl) or e2eLatency, not both.";
    for (const sla of [
      { e2eLatency: 6000 },
      { e2eLatency: 6000, ttft: 200, itl: 20 },
      { e2eLatency: 6000, ttft: null },
    ]) {
      const error = mistake(() => read({ sla }));
      expect(error.message).toBe(message);
      expect(error.hint).toContain("ttft: null");
    }
    expect(read({ sla: { e2eLatency: 6000, ttft: null, itl: null } }).sla.e2eLatencyMs).toBe(6000);
  });

  it("[R063] [R119] a mocker without sweeping has nothing to replay", () => {
    const features = {
      mocker: { enabled: true },
      planner: {
        enable_throughput_scaling: false,
        enable_load_scaling: true,
        pre_deployment_sweeping_mode: "none",
      },
    };
    const error = mistake(() => read({ features }));
    expect(error.message).toBe(
      "pre_deployment_sweeping_mode cannot be 'none' when mocker is enabled. Mocker backend requires pre-deployment sweeping to generate simulated performance profiles.",
    );
    const sweeping = { ...features, planner: { ...features.planner, pre_deployment_sweeping_mode: "rapid" } };
    expect(read({ features: sweeping }).mocker.enabled).toBe(true);
  });

  it("[R119] nor one that estimates do not cover", () => {
    const error = mistake(() => read({ features: { mocker: { enabled: true } } }, never));
    expect(error.message).toContain("not supported by AIC");
    expect(error.hint).toContain("thorough");
  });

  it("[R064] sweeping mode none goes with load-based scaling alone", () => {
    const none = { pre_deployment_sweeping_mode: "none" };
    for (const settings of [
      { ...none, enable_throughput_scaling: true },
      { ...none, enable_throughput_scaling: true, enable_load_scaling: true },
    ]) {
      const error = mistake(() => read(planner(settings)));
      expect(error.code).toBe("PROFILER_SWEEPING_NONE");
      expect(error.hint).toContain("enable_load_scaling: true");
    }
    const alone = read(planner({ ...none, enable_throughput_scaling: false, enable_load_scaling: true }));
    expect(alone.sweep.interpolation).toBe("none");
  });

  it("[R065] a request rate and a concurrency are two loads", () => {
    const error = mistake(() => read({ workload: { requestRate: 5, concurrency: 10 } }));
    expect(error.message).toBe("Only one of 'concurrency' or 'requestRate' can be provided, not both.");
    expect(`${error.where} ${error.hint}`).toMatch(/requestRate.*concurrency/);
    expect(mistake(() => readFlags({ model: "m", "request-rate": "5", concurrency: "10" })).message).toBe(
      error.message,
    );
  });

  it("[R065] a flag's load takes the place of the document's", () => {
    const request = readText(spec({ workload: { requestRate: 5 } }), { flags: { concurrency: "10" } });
    expect(request.workload).toMatchObject({ concurrency: 10 });
    expect(request.workload.requestRate).toBeUndefined();
  });

  it("[R066] thorough looks at disaggregated deployments alone, and says so", () => {
    const warning = "Thorough search supports disaggregated mode only: aggregated deployments are not considered.";
    expect(read({ searchStrategy: "thorough" }).warnings).toContain(warning);
    expect(read({ searchStrategy: "rapid" }).warnings).not.toContain(warning);
  });

  it("names that Kubernetes could not make pods of are refused before the work, not after it", () => {
    const named = (name: string) => ({
      overrides: { dgd: { apiVersion: "nvidia.com/v1beta1", kind: "DynamoGraphDeployment", metadata: { name } } },
    });
    const error = mistake(() => read(named("a-deployment-with-a-name-beyond-all-bounds")));
    expect(error).toMatchObject({ code: "PROFILER_NAME_TOO_LONG", hint: expect.stringContaining("shorter") });
    expect(read(named("short")).deployment.name).toBe("short");
  });
});

describe("GPU discovery, asked for by the request", () => {
  const nodes = JSON.stringify({
    kind: "List",
    apiVersion: "v1",
    items: [
      {
        kind: "Node",
        metadata: {
          name: "a",
          labels: {
            "nvidia.com/gpu.product": "NVIDIA-H100-80GB-HBM3",
            "nvidia.com/gpu.memory": "81559",
            "nvidia.com/gpu.count": "4",
          },
        },
        status: { capacity: { "nvidia.com/gpu": "4" }, allocatable: { "nvidia.com/gpu": "4" } },
      },
    ],
  });
  const given = `${SLA}\nhardware: {min_num_gpus_per_engine: 2, max_num_gpus_per_engine: 2, num_gpus_per_node: 8, gpu_type: h200_sxm}`;

  it("[R021] [R205] overrules the hardware that is given, and says what it left out", () => {
    const request = readText(v1alpha1(given, ["enableGpuDiscovery: true"]), {
      files: { "nodes.json": nodes },
      input: { nodes: "nodes.json" },
    });
    expect(request.hardware).toMatchObject({ gpuSku: "h100_sxm", gpusPerNode: 4, discovered: true });
    expect(request.hardware.minGpusPerEngine).toBeUndefined();
    const warnings = request.warnings.filter((text) => text.includes("is ignored, GPU discovery is on"));
    expect(warnings.join("\n")).toMatch(/num_gpus_per_node\): 8 is ignored, GPU discovery is on: 4 was found/);
    expect(warnings.join("\n")).toMatch(/min_num_gpus_per_engine/);
  });

  it("[R021] is off unless asked for: what is given counts", () => {
    const request = readText(v1alpha1(given), { files: { "nodes.json": nodes }, input: { nodes: "nodes.json" } });
    expect(request.hardware).toMatchObject({ gpusPerNode: 8, minGpusPerEngine: 2, maxGpusPerEngine: 2 });
    expect(request.warnings.join()).not.toContain("is ignored");
  });

  it("[R021] [R163] is refused for an operator of one namespace, in the operator's words", () => {
    const error = mistake(() =>
      readText(v1alpha1(given, ["enableGpuDiscovery: true"]), { input: { namespaceRestricted: true } }),
    );
    expect(error.code).toBe("PROFILER_DISCOVERY_REFUSED");
    expect(error.message).toMatch(/^spec\.enableGpuDiscovery can only be set to true for cluster-wide operators/);
    expect(error.where).toContain("enableGpuDiscovery");
  });
});
