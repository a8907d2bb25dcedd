import type { OpTables } from "../tables/types.ts";
import type { Backend } from "../types.ts";
import type { OpTimes } from "./analytic.ts";
import type { RankedTimes } from "./timing.ts";

/** Rows from which on a block-quantised product is credible whoever measured it. */
const CREDIBLE_ROWS = 2048;
/** How much slower than the fastest other backend a small product may be. */
const ALLOWED = 1.2;

/** By whose products those of a backend are bounded. */
const BOUNDED_BY: Partial<Record<Backend, readonly Backend[]>> = { vllm: ["sglang", "trtllm"], sglang: ["trtllm"] };

/**
 * Tables with two artefacts of block-quantised FP8 products bounded: vLLM's of few rows were measured with the host's overhead
 * (60 µs on Hopper and 190 µs on Blackwell, where other backends take 10 µs), SGLang's on Hopper take three times as long at 768 to
 * 1024 rows as on both sides of them. Below 2048 rows none takes longer than 1.2 × the fastest of those others that have neither.
 * Kernels that save time as they grow are bounded by `risingTimer`, for every table.
 */
export function sanitisedTables(tables: OpTables, gemmFormat: string, others: () => OpTables[]): RankedTimes {
  const bounding = BOUNDED_BY[tables.backend];
  if (bounding === undefined || gemmFormat !== "fp8_block") return { rank: 0, times: tables };
  const credible = others().filter(
    ({ backend, gemmFormats }) => bounding.includes(backend) && gemmFormats.includes("fp8_block"),
  );
  if (credible.length === 0) return { rank: 0, times: tables };
  let bounded = false;
  const times: OpTimes = {
    gemm: (format, m, n, k, quantised) => {
      const own = tables.gemm(format, m, n, k, quantised);
      bounded = false;
      if (format !== "fp8_block" || m >= CREDIBLE_ROWS) return own;
      let cap = Number.POSITIVE_INFINITY;
      for (const other of credible) {
        const us = other.gemm(format, m, n, k);
        if (us < cap) cap = us;
      }
      cap *= ALLOWED;
      bounded = own > cap;
      return bounded ? cap : own;
    },
    contextAttention: unbounded((...args) => tables.contextAttention(...args)),
    generationAttention: unbounded((...args) => tables.generationAttention(...args)),
    allReduce: unbounded((...args) => tables.allReduce(...args)),
    collective: unbounded((...args) => tables.collective(...args)),
    experts: unbounded((...args) => tables.experts(...args)),
    contextMla: unbounded((...args) => tables.contextMla(...args)),
    generationMla: unbounded((...args) => tables.generationMla(...args)),
  };
  return { rank: 0, times, adjusted: () => bounded };

  function unbounded<Args extends unknown[]>(ask: (...args: Args) => number): (...args: Args) => number {
    return (...args) => {
      bounded = false;
      return ask(...args);
    };
  }
}
