import { describe, expect, it } from "vitest";
import { engineLayout, estimatorBlocks, estimatorTiming, type NativeEngine } from "#src/estimator";

/** What the engine was asked, and times that tell the questions apart. */
function recordingEngine(parallelism: string): { engine: NativeEngine; asked: string[] } {
  const asked: string[] = [];
  const estimate = (ms: number) => ({ ms, origin: "table" as const, adjusted: false });
  const engine: Partial<NativeEngine> = {
    kvTokensPerRank: 100_000,
    facts: {
      layout: engineLayout(parallelism),
      backendVersion: "1",
      quantization: {},
      memoryFraction: 0.9,
      maxKvTokens: 100_000,
      kvBytesPerToken: 1,
      source: "test",
    },
    context: (batch, isl, prefix = 0) => {
      asked.push(`context ${batch} × ${isl} after ${prefix}`);
      return estimate(batch * (isl - prefix) * 0.01);
    },
    generation: (batch, context) => {
      asked.push(`generation ${batch} × ${context}`);
      return estimate(5 + batch * 0.1);
    },
  };
  return { engine: engine as NativeEngine, asked };
}

describe("the estimator as a timing model", () => {
  it("asks for so many prompts of their mean length, of which their mean start is cached", () => {
    const { engine, asked } = recordingEngine("tp4");
    const timing = estimatorTiming(engine);
    // Three chunks of 500 tokens, the second of them behind 700 known ones.
    expect(timing.prefillMs(3, 1500, 700, 0)).toBeCloseTo(3 * 500 * 0.01, 9);
    expect(asked).toEqual(["context 3 × 733 after 233"]);
  });

  it("asks for decoding sequences at their mean context", () => {
    const { engine, asked } = recordingEngine("tp4");
    expect(estimatorTiming(engine).decodeMs(32, 32 * 1000.4, 1000.4)).toBeCloseTo(8.2, 9);
    expect(asked).toEqual(["generation 32 × 1000"]);
  });

  it("takes no time for nothing", () => {
    const { engine, asked } = recordingEngine("tp1");
    const timing = estimatorTiming(engine);
    expect([timing.prefillMs(0, 0, 0, 0), timing.prefillMs(2, 0, 900, 0), timing.decodeMs(0, 0, 0)]).toEqual([0, 0, 0]);
    expect(asked).toEqual([]);
  });

  it("gives each attention rank its share where one scheduler stands for all of them", () => {
    const { engine, asked } = recordingEngine("dep8");
    estimatorTiming(engine).decodeMs(17, 17_000, 1000);
    estimatorTiming(engine, { schedulers: 8 }).decodeMs(17, 17_000, 1000);
    expect(asked).toEqual(["generation 3 × 1000", "generation 17 × 1000"]);
  });

  it("sizes the KV cache of a scheduler in whole blocks", () => {
    expect(estimatorBlocks(recordingEngine("tp4").engine, 64)).toBe(1562);
    expect(estimatorBlocks(recordingEngine("dep8").engine, 64)).toBe(12_500);
    expect(estimatorBlocks(recordingEngine("dep8").engine, 64, 8)).toBe(1562);
  });
});
