import { describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { mistake, readFlags, readText, spec } from "./read.ts";

const read = (changes: Record<string, unknown> = {}) => readText(spec(changes));
const hardware = (changes: Record<string, unknown>) => ({
  hardware: { gpuSku: "h200_sxm", numGpusPerNode: 8, ...changes },
});

describe("a v1beta1 spec", () => {
  it("[R046] is YAML or JSON in a file, inline JSON, or the object around it, and means the same in each", () => {
    const plain = read();
    const value = JSON.parse(spec());
    const { source, ...rest } = plain;
    expect(source).toMatchObject({ kind: "dgdr-spec", where: "request.yaml" });
    const inYaml = readText(stringify(value));
    const inline = readFlags({}, { config: JSON.stringify(value) });
    const object = readText(
      stringify({
        apiVersion: "nvidia.com/v1beta1",
        kind: "DynamoGraphDeploymentRequest",
        metadata: { name: "mine" },
        spec: value,
      }),
    );
    expect(object.source).toMatchObject({ kind: "dgdr", name: "mine" });
    for (const other of [inYaml, inline]) {
      const { source: _, ...same } = other;
      expect(same).toEqual(rest);
    }
    expect({ ...object, source }).toMatchObject({ model: plain.model, sla: plain.sla, hardware: plain.hardware });
    expect(plain.dialect).toBe("1.0");
  });

  it("[R046] what is neither file nor JSON is told so, with the JSON's mistake", () => {
    const error = mistake(() => readFlags({}, { config: '{"model": "x",' }));
    expect(error.message).toMatch(/^--config value is neither a valid file path nor valid JSON/);
    expect(error.where).toBe("--config");
  });

  it.each([
    ["image", { image: null }, "'image' is required in the DGDR spec."],
    ["hardware", { hardware: null }, "'hardware' is required in the DGDR spec."],
    ["hardware.gpuSku", { hardware: { numGpusPerNode: 8 } }, "'hardware.gpuSku' is required in the DGDR spec."],
    [
      "hardware.numGpusPerNode",
      { hardware: { gpuSku: "h200_sxm" } },
      "'hardware.numGpusPerNode' must be a positive integer.",
    ],
  ])("[R047] [R055] refuses to go without %s, and says where it belongs", (_, changes, message) => {
    const error = mistake(() => read(changes));
    expect(error.message).toBe(message);
    expect(error.where).toMatch(/^request\.yaml/);
    expect(error.hint).toBeTruthy();
  });

  it.each([0, -1, 2.5, "eight"])("[R047] refuses %j GPUs a node", (numGpusPerNode) => {
    const error = mistake(() => read(hardware({ numGpusPerNode })));
    expect(`${error.where} ${error.message}`).toContain("numGpusPerNode");
  });

  it("[R048] searches rapidly unless it says thorough", () => {
    expect(read().strategy).toBe("rapid");
    expect(read({ searchStrategy: "rapid" }).strategy).toBe("rapid");
    expect(read({ searchStrategy: "thorough" }).strategy).toBe("thorough");
    const error = mistake(() => read({ searchStrategy: "through" }));
    expect(error.where).toContain("searchStrategy");
    expect(`${error.message} ${error.hint}`).toContain("thorough");
  });

  it("[R049] takes any backend, or the best of all where it names none", () => {
    for (const backend of ["vllm", "sglang", "trtllm", "auto"]) expect(read({ backend }).backend).toBe(backend);
    expect(read({ backend: null }).backend).toBe("auto");
    expect(mistake(() => read({ backend: "tgi" })).where).toContain("backend");
  });

  it("[R050] has a workload of lengths, and of a request rate or a concurrency", () => {
    expect(read().workload).toEqual({ isl: 4000, osl: 1000 });
    expect(read({ workload: { isl: 3000, osl: 150, requestRate: 12.5 } }).workload).toEqual({
      isl: 3000,
      osl: 150,
      requestRate: 12.5,
    });
    expect(read({ workload: { concurrency: 64 } }).workload).toEqual({ isl: 4000, osl: 1000, concurrency: 64 });
  });

  it("[R051] has targets of TTFT and ITL, or of the whole request", () => {
    expect(read().sla).toMatchObject({ ttftMs: 2000, itlMs: 30, given: { ttft: false, itl: false } });
    expect(read({ sla: { ttft: 200, itl: 20 } }).sla).toMatchObject({
      ttftMs: 200,
      itlMs: 20,
      given: { ttft: true, itl: true },
    });
    const whole = read({ sla: { ttft: null, itl: null, e2eLatency: 6000 } }).sla;
    expect(whole).toMatchObject({ e2eLatencyMs: 6000 });
    expect(read().sla.e2eLatencyMs).toBeUndefined();
  });

  it("[R052] features.planner is a planner's configuration, passed on as it is, with its sweeping mode", () => {
    const planner = {
      enable_throughput_scaling: true,
      enable_load_scaling: false,
      pre_deployment_sweeping_mode: "thorough",
      ttft_ms: 300,
      max_gpu_budget: 16,
      load_predictor: "kalman",
    };
    const request = read({ features: { planner } });
    expect(request.planner).toMatchObject({
      enableThroughputScaling: true,
      enableLoadScaling: false,
      maxGpuBudget: 16,
    });
    expect(request.planner!.settings).toMatchObject(planner);
    expect(request.sweep.interpolation).toBe("thorough");
    expect(read({ features: { planner: { enable_throughput_scaling: true } } }).sweep.interpolation).toBe("rapid");
    expect(read().planner).toBeUndefined();
  });

  it("[R052] refuses planner settings that a planner would refuse", () => {
    const error = mistake(() => read({ features: { planner: { load_predictor: "karman" } } }));
    expect(error.where).toContain("load_predictor");
    expect(`${error.message} ${error.hint}`).toContain("kalman");
  });

  it("[R053] features.mocker.enabled asks for mock workers beside it", () => {
    expect(read().mocker.enabled).toBe(false);
    const features = { mocker: { enabled: true } };
    expect(read({ features }).mocker.enabled).toBe(true);
    expect(read({ features: { mocker: { enabled: false } } }).mocker.enabled).toBe(false);
  });
});
