import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { EngineSpec } from "#src/estimator";
import { openEngine } from "../../../src/estimator/native/open.ts";
import type { OpTables } from "../../../src/estimator/tables/types.ts";
import { completeTables, madeUpData } from "./made-up.ts";

const spec: EngineSpec = { model: "test/plain", system: "h200_sxm", backend: "vllm", parallelism: "tp1" };
const block: EngineSpec = { ...spec, quantization: { gemm: "fp8_block" } };

/** Tables whose times jump up and down by a seed, as no machine would. */
function jumpyTables(seed: number): OpTables {
  const jump = (x: number) => 20 + 15 * Math.sin(seed + 7 * Math.log2(1 + x));
  return completeTables({
    gemm: (_format, m, n, k) => jump(m) + (m * n * k) / 1e11,
    contextAttention: (_fmha, _kv, _shape, batch, tokens) => jump(batch) + jump(tokens) + (batch * tokens) / 1000,
    generationAttention: (_kv, _shape, batch, context) => jump(batch + context) + (batch * context) / 1e6,
  });
}

describe("sanitised times", () => {
  const size = fc.integer({ min: 1, max: 100_000 });
  const batch = fc.integer({ min: 1, max: 1024 });

  it("never fall while prompts, batches or contexts grow", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1000 }), size, size, batch, batch, (seed, a, b, m, n) => {
        const engine = openEngine(spec, madeUpData(jumpyTables(seed)));
        const [short, long] = [Math.min(a, b), Math.max(a, b)];
        const [few, many] = [Math.min(m, n), Math.max(m, n)];
        const slack = 1 + 1e-12;
        expect(engine.context(1, short).ms).toBeLessThanOrEqual(engine.context(1, long).ms * slack);
        expect(engine.context(few, short).ms).toBeLessThanOrEqual(engine.context(many, short).ms * slack);
        expect(engine.generation(few, short).ms).toBeLessThanOrEqual(engine.generation(many, short).ms * slack);
        expect(engine.generation(few, short).ms).toBeLessThanOrEqual(engine.generation(few, long).ms * slack);
        // More of a prompt cached is never slower.
        expect(engine.context(few, long, short - 1).ms).toBeLessThanOrEqual(engine.context(few, long).ms * slack);
      }),
      { numRuns: 60 },
    );
  });

  it("say where they were bounded, and only there", () => {
    const spike = completeTables({ gemm: (_format, m) => (m === 1024 ? 84 : 10 + m / 1000) });
    const engine = openEngine(spec, madeUpData(spike));
    expect(engine.context(1, 1024)).toMatchObject({ adjusted: true, origin: "table" });
    expect(engine.context(1, 4096).adjusted).toBe(false);
    const raw = openEngine({ ...spec, sanitise: false }, madeUpData(spike));
    expect(raw.context(1, 1024).adjusted).toBe(false);
    expect(raw.context(1, 1024).ms).toBeGreaterThan(engine.context(1, 1024).ms * 1.5);
  });

  it("leave rising times as they are", () => {
    const smooth = madeUpData(completeTables());
    const engine = openEngine(spec, smooth);
    const raw = openEngine({ ...spec, sanitise: false }, smooth);
    for (const isl of [1, 100, 1000, 3000, 30_000]) {
      expect(Math.abs(engine.context(1, isl).ms / raw.context(1, isl).ms - 1)).toBeLessThan(0.01);
      expect(Math.abs(engine.generation(7, isl).ms / raw.generation(7, isl).ms - 1)).toBeLessThan(0.01);
    }
  });
});

describe("vLLM's block-quantised products of few rows", () => {
  const slow = completeTables({ gemm: (format, m) => (format === "fp8_block" && m < 3000 ? 61 : 10 + m / 1000) });
  const fast = (backend: "sglang" | "trtllm", us: number) => completeTables({ backend, gemm: () => us });
  const qkv = (spec: EngineSpec, ...tables: OpTables[]) =>
    openEngine(spec, madeUpData(...tables))
      .generationOperations(4, 512)
      .find((operation) => operation.name === "qkv_gemm")!;

  it("take at most 1.2 × the fastest other backend's", () => {
    const bounded = qkv(block, slow, fast("sglang", 20), fast("trtllm", 10));
    expect(bounded).toMatchObject({ adjusted: true, origin: "table" });
    expect(bounded.ms).toBeCloseTo((10 * 12) / 1000, 6);
    expect(qkv({ ...block, sanitise: false }, slow, fast("trtllm", 10)).ms).toBeCloseTo(0.61, 6);
  });

  it("stay where no other backend was measured, and other formats always", () => {
    const slowThroughout = completeTables({ gemm: (_format, m) => 61 + m / 1000 });
    expect(qkv(block, slowThroughout).adjusted).toBe(false);
    expect(qkv(spec, slowThroughout, fast("trtllm", 1)).adjusted).toBe(false);
  });
});
