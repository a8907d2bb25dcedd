import { describe, expect, it } from "vitest";
import type { EngineSpec } from "#src/estimator";
import { openEngine } from "../../../src/estimator/native/open.ts";
import { completeTables, LATENT, madeUpData } from "./made-up.ts";

const GIB = 2 ** 30;
const MIB = 2 ** 20;
const spec: EngineSpec = { model: "test/plain", system: "h200_sxm", backend: "trtllm", parallelism: "tp1" };
const data = madeUpData(completeTables());
const open = (change: Partial<EngineSpec> = {}) => openEngine({ ...spec, ...change }, data);

// A layer: QKV (32 + 2·8)·128 and output 32·128 over 4096, MLP 3 · 12288 over 4096; two tables of 128 000.
const WEIGHTS = 10 * (6144 + 4096 + 3 * 12_288) * 4096 * 2 + 2 * 128_000 * 4096 * 2;

describe("a GPU's memory", () => {
  it("holds weights, activations of 8192 tokens, runtime and NCCL; the rest is the cache's", () => {
    const { memory, kvTokensPerRank, facts } = open();
    expect(memory.weightsBytes).toBe(WEIGHTS);
    expect(memory.activationBytes).toBe(2 * 8192 * 4096 * 11);
    expect(memory.runtimeBytes).toBe(3.5 * GIB);
    expect(memory.communicationBytes).toBe(0);
    const free = memory.capacityBytes - WEIGHTS - memory.activationBytes - 3.5 * GIB;
    expect(memory.kvBudgetBytes).toBeCloseTo(free * 0.9, 0);
    expect(memory.kvBytesPerToken).toBe(10 * 2 * 8 * 128 * 2);
    expect(kvTokensPerRank).toBe(Math.floor(memory.kvBudgetBytes / memory.kvBytesPerToken));
    expect(facts.maxKvTokens).toBe(kvTokensPerRank);
    expect(facts.memoryFraction).toBe(0.9);
  });

  it("is shared as each backend has it: of what is free, or of the whole", () => {
    const vllm = open({ backend: "vllm" });
    expect(vllm.facts.memoryFraction).toBe(0.92);
    expect(vllm.memory.kvBudgetBytes).toBeCloseTo(
      vllm.memory.capacityBytes * 0.92 - WEIGHTS - vllm.memory.activationBytes - 3.5 * GIB,
      0,
    );
    const sglang = open({ backend: "sglang" });
    expect(sglang.memory.activationBytes).toBeCloseTo(2 * 8192 * 4096 * 14 * 1.15, 0);
    expect(sglang.memory.runtimeBytes).toBeCloseTo(3.5 * 1.2 * GIB, 0);
    // 512 + 1.5 · 8192 + 1/8 · 1024 + 2 · 256 MiB of a Hopper of 141 GiB, at least 10 GiB.
    const capacity = sglang.memory.capacityBytes / MIB;
    const reserved = Math.max(512 + 1.5 * 8192 + 128 + 512, 10 * 1024);
    expect(sglang.facts.memoryFraction).toBeCloseTo(1 - reserved / capacity, 3);
    expect(open({ backend: "vllm", backendVersion: "0.19.0" }).facts.memoryFraction).toBe(0.9);
  });

  it("takes the share and the tokens of a pass that are given", () => {
    const half = open({ memoryFraction: 0.5 });
    expect(half.facts.memoryFraction).toBe(0.5);
    expect(half.memory.kvBudgetBytes * 1.8).toBeCloseTo(open().memory.kvBudgetBytes, 0);
    expect(open({ maxBatchedTokens: 16_384 }).memory.activationBytes).toBe(2 * open().memory.activationBytes);
    // However few tokens, a floor stays.
    expect(open({ maxBatchedTokens: 16 }).memory.activationBytes).toBe(70 * MIB);
    expect(open().activationBytes(16_384)).toBe(2 * open().memory.activationBytes);
  });

  it("splits heads, MLP and tables over tensor-parallel GPUs, and copies KV heads where there are too few", () => {
    const eight = open({ parallelism: "tp8" });
    expect(eight.memory.weightsBytes).toBe(WEIGHTS / 8);
    expect(eight.memory.kvBytesPerToken).toBe(10 * 2 * 128 * 2);
    expect(open({ parallelism: "tp16", leastHeadsPerGpu: 2 }).memory.kvBytesPerToken).toBe(10 * 2 * 128 * 2);
    // Whole token, each head once: what a transfer moves.
    expect(eight.facts.kvBytesPerToken).toBe(10 * 2 * 8 * 128 * 2);
  });

  it("spreads experts and counts the cache of all attention ranks", () => {
    const spread = open({ model: "test/experts", parallelism: "dep4" });
    const attention = (6144 + 4096) * 4096 * 2;
    const router = 64 * 4096 * 2;
    const routed = (64 * 3 * 4096 * 1536 * 2) / 4;
    expect(spread.memory.weightsBytes).toBe(10 * (attention + router + routed) + 128_000 * 4096 * 2);
    expect(spread.facts.maxKvTokens).toBe(4 * spread.kvTokensPerRank);
  });

  it("keeps a latent cache whole on every GPU", () => {
    const perToken = LATENT.layers * (512 + 64) * 2;
    for (const parallelism of ["tp1", "tp8", "dep8"]) {
      expect(open({ model: "test/latent", parallelism }).memory.kvBytesPerToken).toBe(perToken);
    }
  });

  it("follows the number formats", () => {
    const narrow = open({ quantization: { gemm: "fp8", kvcache: "fp8" } });
    const tables = 2 * 128_000 * 4096 * 2;
    expect(narrow.memory.weightsBytes).toBe((WEIGHTS - tables) / 2 + tables);
    expect(narrow.memory.kvBytesPerToken).toBe(10 * 2 * 8 * 128);
    expect(narrow.facts.quantization).toMatchObject({ gemm: "fp8", kvcache: "fp8" });
  });
});

describe("a model that doesn't fit", () => {
  it("is refused with what takes the memory", () => {
    expect(() => open({ memoryFraction: 0.05, backend: "vllm" })).toThrow(
      expect.objectContaining({
        code: "ESTIMATOR_DOES_NOT_FIT",
        message: expect.stringMatching(
          /test\/plain on h200_sxm with vllm tp1 .* weights of 5\.5 GiB, 9\.7 GiB with .* 7\.\d GiB that .* 141\.0 GiB/,
        ),
      }),
    );
  });

  it("opens with no capacity where that is asked for", () => {
    const engine = open({ memoryFraction: 0.05, backend: "vllm", allowOversize: true });
    expect(engine.kvTokensPerRank).toBe(0);
    expect(engine.context(1, 100).ms).toBeGreaterThan(0);
  });
});
