import { describe, expect, it } from "vitest";
import { aggregatedPoint, aggregatedPoints, contextTokensToTry } from "../../../src/profiler/picking/aggregated.ts";
import { type SimpleTimes, simpleEngine } from "./fixture-rows.ts";

const TIMES: SimpleTimes = { promptTokenMs: 0.1, passMs: 5, sequenceMs: 0.1, contextMs: 0.02 };
const LOAD = { isl: 1000, osl: 100 };
// A mixed pass of 1000 prompt tokens and seven sequences of 1050 tokens: 5 + 100 + 0.7 + 0.147.
const MIXED_MS = 5 + 100 + 7 * 0.1 + 7 * 1.05 * 0.02;
const DECODING_MS = 5 + 8 * 0.1 + 8 * 1.05 * 0.02;

describe("[R092] in-flight batching", () => {
  it("tries passes of whole prompts, up to two or to 8192 tokens", () => {
    expect(contextTokensToTry(4000)).toEqual([4000, 8000]);
    expect(contextTokensToTry(10_000)).toEqual([10_000, 20_000]);
    expect(contextTokensToTry(300)[0]).toBe(300);
    expect(Math.max(...contextTokensToTry(300))).toBe(8192);
  });

  it("of TensorRT-LLM: prompts pass by pass beside decoding sequences, then decoding alone", () => {
    const row = aggregatedPoint(simpleEngine("trtllm", "tp1", TIMES), LOAD, 8, 1000, 32)!;
    // Eight mixed passes and 92 that only decode; of the mixed ones five count for the time between tokens.
    expect(row.ttftMs).toBeCloseTo(MIXED_MS * (2 + 5 / 20), 9);
    expect(row.tpotMs).toBeCloseTo((5 * MIXED_MS + 92 * DECODING_MS) / 97, 9);
    const tokensPerSecond = (1000 * 8 * 99) / (8 * MIXED_MS + 92 * DECODING_MS);
    expect(row.tokensPerSecondPerGpu).toBeCloseTo(tokensPerSecond, 9);
    expect(row.requestsPerSecond).toBeCloseTo(tokensPerSecond / 99, 9);
    expect(row.requestLatencyMs).toBeCloseTo(row.ttftMs + 99 * row.tpotMs, 9);
    expect(row.concurrency).toBe(8);
  });

  it("of vLLM: dispatching takes time by the layer, queueing grows with the batch, Little's law bounds throughput", () => {
    const row = aggregatedPoint(simpleEngine("vllm", "tp1", TIMES), LOAD, 8, 1000, 32)!;
    expect(row.ttftMs).toBeCloseTo((MIXED_MS + 0.8 * 32) * (1 + 3 / 8), 9);
    expect(row.tpotMs).toBeCloseTo((8 * MIXED_MS + 92 * DECODING_MS) / 100, 9);
    expect(row.tokensPerSecondPerGpu).toBeCloseTo((1000 * 8 * 99) / row.requestLatencyMs, 9);
  });

  it("of a single request: its prompt, then decoding alone", () => {
    const row = aggregatedPoint(simpleEngine("trtllm", "tp1", TIMES), LOAD, 1, 1000, 32)!;
    expect(row.tpotMs).toBeCloseTo(5 + 0.1 + 1.05 * 0.02, 9);
  });

  it("counts attention ranks as engines of their own that share GPUs", () => {
    const one = aggregatedPoint(simpleEngine("trtllm", "tp1", TIMES), LOAD, 8, 1000, 32)!;
    const four = aggregatedPoint(simpleEngine("trtllm", "dep4", TIMES), LOAD, 8, 1000, 32)!;
    expect(four.concurrency).toBe(32);
    expect(four.gpus).toBe(4);
    expect(four.tokensPerSecondPerGpu).toBeCloseTo(one.tokensPerSecondPerGpu, 9);
  });

  it("stops at the batch that no longer fits, and where decoding sequences of a pass are the same again", () => {
    const GIB = 2 ** 30;
    // 1100 tokens of 64 KiB a sequence: 32 of them are 2.2 GiB.
    const small = simpleEngine("trtllm", "tp1", TIMES, { capacityBytes: 20 * GIB, weightsBytes: 16 * GIB });
    const rows = aggregatedPoints(small, LOAD, 32);
    expect(rows.length).toBeGreaterThan(5);
    const largest = Math.max(...rows.map((row) => row.agg!.batchSize));
    const left = 20 * GIB - 16 * GIB - GIB - 8192 * 65_536;
    expect(largest * 1100 * 65_536).toBeLessThanOrEqual(left * 0.9 * 0.985 * 0.98);
    expect(aggregatedPoint(small, LOAD, 40, 1000, 32)).toBeNull();
  });
});
