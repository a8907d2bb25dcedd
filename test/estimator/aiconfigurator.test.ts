import { afterAll, beforeAll, expect, it } from "vitest";
import {
  AICONFIGURATOR_PACKAGES,
  type AiconfiguratorClient,
  type EngineSpec,
  startAiconfigurator,
} from "#src/estimator";
import { describeWithPython } from "../tools.ts";

const llama: EngineSpec = {
  model: "meta-llama/Meta-Llama-3.1-8B",
  system: "h200_sxm",
  backend: "vllm",
  parallelism: "tp1",
  quantization: { gemm: "fp8", kvcache: "bfloat16" },
};
const blockQuantised: EngineSpec = {
  model: "Qwen/Qwen3-32B-FP8",
  system: "h200_sxm",
  backend: "vllm",
  parallelism: "tp2",
};

it("says what it needs where the interpreter is missing", async () => {
  const client = startAiconfigurator("/nonexistent/python");
  await expect(client.open(llama)).rejects.toMatchObject({ code: "ESTIMATOR_SOURCE_ENDED", exitCode: 1 });
  await client.close();
});

it("rejects the open questions when the process dies", async () => {
  const client = startAiconfigurator(process.execPath);
  await expect(client.open(llama)).rejects.toMatchObject({ code: "ESTIMATOR_SOURCE_ENDED", exitCode: 1 });
  await client.close();
});

await describeWithPython("a Python without the package", [], (python) => {
  it("says which package to install, and how", async () => {
    const client = startAiconfigurator(python);
    await expect(client.open(llama)).rejects.toMatchObject({
      code: "ESTIMATOR_PACKAGE_MISSING",
      hint: expect.stringContaining("pip install aiconfigurator==0.12.0"),
    });
    await client.close();
  });
});

await describeWithPython("the aiconfigurator adapter", AICONFIGURATOR_PACKAGES, (python) => {
  let client: AiconfiguratorClient;
  beforeAll(() => {
    client = startAiconfigurator(python);
  });
  afterAll(() => client.close());

  it("answers prefill, decode and KV capacity of a dense engine", async () => {
    const engine = await client.open(llama);
    // What aiconfigurator 0.12.0 itself gives for these calls, to its printed digits.
    expect(engine.facts).toMatchObject({ backendVersion: "0.24.0", memoryFraction: 0.92, kvBytesPerToken: 131_072 });
    expect(engine.maxKvTokens).toBe(959_082);
    expect(await engine.prefillMs(3151)).toBeCloseTo(53.4, 1);
    const decode = await engine.decode(64, 2747, 500);
    expect(decode.itlMs).toBeCloseTo(9.96, 2);
    expect(decode.throughputPerGpu).toBeCloseTo(64_000 / decode.itlMs, 6);
    expect(engine.adjustments).toEqual([]);
  });

  it("counts KV capacity, batch and throughput over all attention ranks", async () => {
    const engine = await client.open({
      ...llama,
      model: "Qwen/Qwen3-30B-A3B-FP8",
      quantization: {},
      parallelism: "dep8",
    });
    const facts = engine.facts;
    expect(facts.layout).toMatchObject({ attentionDp: 8, gpus: 8 });
    expect(facts.maxKvTokens % 8).toBe(0);
    expect(facts.kvBytesPerToken).toBe(48 * 2 * 4 * 128);
    const decode = await engine.decode(64, 2747, 500);
    expect(decode.throughputPerGpu).toBeCloseTo(8_000 / decode.itlMs, 6);
    await expect(engine.decode(12, 2747, 500)).rejects.toMatchObject({ code: "ESTIMATOR_QUESTION" });
  });

  it("caps the overstated block-FP8 GEMMs unless they are asked for as they are", async () => {
    const [sane, raw] = await Promise.all([
      client.open(blockQuantised),
      client.open({ ...blockQuantised, sanitise: false }),
    ]);
    const [capped, asTabled] = await Promise.all([sane.decode(8, 2747, 500), raw.decode(8, 2747, 500)]);
    expect(asTabled.itlMs).toBeCloseTo(20.04, 2);
    expect(capped.itlMs).toBeLessThan(0.6 * asTabled.itlMs);
    expect(sane.adjustments).toEqual([expect.stringContaining("in 1 of 1 passes")]);
    expect(raw.adjustments).toEqual([]);
    // Where the GEMMs are large the tables agree: nothing is capped away.
    expect(await sane.prefillMs(16_000)).toBeGreaterThan(0.97 * (await raw.prefillMs(16_000)));
  });

  it("names the nearest known model for an unknown one", async () => {
    await expect(client.open({ ...llama, model: "Qwen/Qwen3-32B-FP" })).rejects.toMatchObject({
      code: "ESTIMATOR_UNKNOWN_MODEL",
      hint: 'did you mean "Qwen/Qwen3-32B-FP8"?',
    });
  });

  it("tells an engine that doesn't fit from one without data", async () => {
    const large = { ...llama, model: "Qwen/Qwen3-235B-A22B", quantization: {} };
    await expect(client.open({ ...large, parallelism: "tp2" })).rejects.toMatchObject({
      code: "ESTIMATOR_DOES_NOT_FIT",
    });
    await expect(client.open({ ...llama, system: "h9000_sxm" })).rejects.toMatchObject({
      code: "ESTIMATOR_UNSUPPORTED",
    });
  });

  it("refuses questions that make no sense before asking", async () => {
    const engine = await client.open(llama);
    await expect(engine.prefillMs(0)).rejects.toMatchObject({ code: "ESTIMATOR_QUESTION" });
    await expect(engine.prefillMs(1.5)).rejects.toMatchObject({ code: "ESTIMATOR_QUESTION" });
    await expect(engine.decode(1, 100, 1)).rejects.toMatchObject({ code: "ESTIMATOR_QUESTION" });
  });

  it("answers what was asked before it was closed and refuses what comes after", async () => {
    const other = startAiconfigurator(python);
    const question = other.open(llama);
    const closed = other.close();
    await expect(question).resolves.toBeDefined();
    await closed;
    await expect(other.open(llama)).rejects.toMatchObject({ code: "ESTIMATOR_SOURCE_ENDED" });
  });
});
