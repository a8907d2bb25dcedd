import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { openNativeEngine } from "#src/estimator";

const dense = openNativeEngine({
  model: "Qwen/Qwen3-32B",
  system: "h200_sxm",
  backend: "trtllm",
  parallelism: "tp2",
});
const experts = openNativeEngine({
  model: "Qwen/Qwen3-235B-A22B",
  system: "h200_sxm",
  backend: "trtllm",
  parallelism: "dep8",
});
const nothing = { prompts: 0, promptTokens: 0, cachedTokens: 0, sequences: 0, contextTokens: 0 };

describe.each([
  ["dense", dense],
  ["experts", experts],
])("a forward pass of an engine that reports it: %s", (_, engine) => {
  it("of prompts alone is a context pass of their mean length, what is cached left out", () => {
    const pass = { ...nothing, prompts: 3, promptTokens: 3000, cachedTokens: 600 };
    expect(engine.forwardPass(pass)).toEqual(engine.context(3, 1200, 200));
  });

  it("of sequences alone is a generation step at their mean context", () => {
    expect(engine.forwardPass({ ...nothing, sequences: 16, contextTokens: 16 * 3150 + 5 })).toEqual(
      engine.generation(16, 3150),
    );
  });

  it("of both shares all but attention: whole prompts beside sequences in the middle of their output", () => {
    const [isl, osl, sequences] = [2000, 300, 24];
    const context = isl + osl / 2 + 1;
    const pass = { ...nothing, prompts: 2, promptTokens: 2 * isl, sequences, contextTokens: sequences * context };
    expect(engine.forwardPass(pass).ms).toBeCloseTo(engine.mixedStep(2 * isl, sequences, isl, osl).ms, 9);
  });

  it("of nothing takes no time", () => {
    expect(engine.forwardPass(nothing).ms).toBe(0);
  });

  it("takes a time above 0 and no longer than its halves one after the other, whatever is in it", () => {
    const pass = fc.record({
      prompts: fc.integer({ min: 1, max: 8 }),
      promptTokens: fc.integer({ min: 64, max: 8192 }),
      cachedTokens: fc.integer({ min: 0, max: 8192 }),
      sequences: fc.integer({ min: 1, max: 128 }),
      contextTokens: fc.integer({ min: 128, max: 400_000 }),
    });
    fc.assert(
      fc.property(pass, (both) => {
        const { ms } = engine.forwardPass(both);
        const prompts = engine.forwardPass({ ...both, sequences: 0, contextTokens: 0 }).ms;
        const decoding = engine.forwardPass({ ...both, prompts: 0, promptTokens: 0, cachedTokens: 0 }).ms;
        expect(ms).toBeGreaterThan(0);
        expect(ms).toBeLessThan((prompts + decoding) * 1.05);
      }),
      { seed: 3, numRuns: 100 },
    );
  });
});
