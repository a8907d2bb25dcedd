import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { GPU_SYSTEMS } from "#src/estimator";
import { loadOpTables } from "../../../src/estimator/tables/load.ts";
import type { OpTables } from "../../../src/estimator/tables/types.ts";

const shipped = GPU_SYSTEMS.filter(({ hasTables }) => hasTables).flatMap(({ name }) =>
  (["vllm", "sglang", "trtllm"] as const).flatMap((backend) => {
    const tables = loadOpTables(name, backend);
    return tables === null ? [] : [[`${name} ${backend}`, tables] as const];
  }),
);

const size = fc.integer({ min: 0, max: 14 }).map((power) => 2 ** power);
const heads = fc.constantFrom(1, 2, 4, 8, 16, 32, 64);

/** Microseconds, or NaN where nothing was measured. */
function isTime(micros: number): boolean {
  return Number.isNaN(micros) || (micros > 0 && Number.isFinite(micros));
}

describe.each(shipped)("the tables of %s", (_, tables: OpTables) => {
  it("name their version, source and licence", () => {
    expect(tables.backendVersion).toMatch(/^\d+\.\d+/);
    expect(tables.source).toMatch(/aiconfigurator.*Apache-2\.0/);
  });

  it("answer with a time, or with NaN for what was not measured, wherever one asks", () => {
    fc.assert(
      fc.property(size, size, size, heads, heads, size, (m, n, k, queries, kvHeads, context) => {
        const shape = { heads: queries, kvHeads, headSize: 128 };
        for (const format of tables.gemmFormats) expect(isTime(tables.gemm(format, m, n, k))).toBe(true);
        for (const formats of tables.contextAttentionFormats) {
          const [fmha, kv] = formats.split("/") as [string, string];
          expect(isTime(tables.contextAttention(fmha, kv, shape, 1, context))).toBe(true);
        }
        for (const kv of tables.generationAttentionFormats) {
          expect(isTime(tables.generationAttention(kv, shape, m, context))).toBe(true);
        }
        expect(isTime(tables.allReduce(4, m * n))).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  it("know products of matrices, and that four times the rows take no less time", () => {
    expect(tables.gemmFormats).toContain("bfloat16");
    for (const m of [1, 64, 1024]) {
      const few = tables.gemm("bfloat16", m, 4096, 4096);
      expect(few).toBeGreaterThan(0);
      // Measurements wobble, by more than a tenth on slow links; four times the work does not.
      expect(tables.gemm("bfloat16", 4 * m, 4096, 4096)).toBeGreaterThan(0.8 * few);
    }
  });

  it("do not know formats that nobody measured", () => {
    expect(tables.gemm("float3", 1, 4096, 4096)).toBeNaN();
    expect(tables.generationAttention("float3", { heads: 8, kvHeads: 1, headSize: 128 }, 1, 4096)).toBeNaN();
  });
});

describe("loading", () => {
  it("gives every combination of the support list that says so, once", () => {
    expect(shipped.length).toBeGreaterThanOrEqual(28);
    expect(loadOpTables("h200_sxm", "vllm")).toBe(loadOpTables("H200", "vllm"));
  });

  it("is null for what is not shipped", () => {
    expect(loadOpTables("t4", "vllm")).toBeNull();
    expect(loadOpTables("no_such_gpu", "vllm")).toBeNull();
  });
});
