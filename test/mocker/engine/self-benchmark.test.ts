import { describe, expect, it } from "vitest";
import { engineConfig, fixedTiming, polynomialTiming, selfBenchmark } from "#mocker/engine";

const LIMITS = { numGpuBlocks: 1000, blockSize: 16, maxNumSeqs: 64, maxNumBatchedTokens: 2048 };

describe("an engine's own benchmark", () => {
  it("has prompts of all lengths that fit into a pass, and batches that fill the cache more and more, at the engine's times", () => {
    const timing = polynomialTiming({ capacityTokens: 16_000 });
    const passes = selfBenchmark(engineConfig({ role: "aggregated", timing, ...LIMITS }));
    const prompts = passes.filter(({ prefillTokens }) => prefillTokens > 0);
    expect(prompts).toHaveLength(16);
    expect(prompts[0]!.prefillTokens).toBe(32);
    expect(prompts.at(-1)!.prefillTokens).toBe(2048);
    for (const { prefillTokens, durationMs } of prompts) {
      expect(durationMs).toBeCloseTo(timing.prefillMs(1, prefillTokens, 0, timing.chunkWorkMs(0, prefillTokens)), 5);
    }
    const batches = passes.filter(({ decodeRequests }) => decodeRequests > 0);
    expect(batches.length).toBeGreaterThan(10);
    for (const { decodeRequests, decodeKvTokens, durationMs } of batches) {
      expect(decodeRequests).toBeLessThanOrEqual(64);
      expect(decodeKvTokens).toBeLessThanOrEqual(16_000);
      expect(durationMs).toBeCloseTo(
        timing.decodeMs(decodeRequests, decodeKvTokens, decodeKvTokens / decodeRequests),
        5,
      );
    }
  });

  it("has no batches of a prefill engine, no prompts of a decode engine, and nothing longer than a request may be", () => {
    const timing = fixedTiming({ prefillMs: 100, decodeMs: 10, perPass: false });
    const prefill = selfBenchmark(engineConfig({ role: "prefill", timing, ...LIMITS, maxModelLen: 500 }));
    expect(prefill.every(({ decodeRequests }) => decodeRequests === 0)).toBe(true);
    expect(Math.max(...prefill.map(({ prefillTokens }) => prefillTokens))).toBe(500);
    const decode = selfBenchmark(engineConfig({ role: "decode", timing, ...LIMITS, maxModelLen: 500 }));
    expect(decode.every(({ prefillTokens }) => prefillTokens === 0)).toBe(true);
    expect(Math.max(...decode.map(({ decodeKvTokens, decodeRequests }) => decodeKvTokens / decodeRequests))).toBe(250);
  });
});
