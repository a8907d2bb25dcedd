import type { OpTables } from "../tables/types.ts";
import type { OpTimes } from "./analytic.ts";

/**
 * Operations that this backend has no measurements of, from other backends' tables of the same GPU: libraries and links are the
 * GPU maker's for all of them. Not experts, whose kernels differ by a factor of two between backends; analytic kernels fitted to
 * the backend itself come nearer. Tables are loaded when first needed.
 */
export function borrowedTimes(load: () => readonly OpTables[], experts: OpTimes["experts"]): OpTimes {
  let tables: readonly OpTables[] | undefined;
  const first = (ask: (times: OpTables) => number): number => {
    tables ??= load();
    for (const table of tables) {
      const us = ask(table);
      if (!Number.isNaN(us)) return us;
    }
    return Number.NaN;
  };
  return {
    gemm: (...args) => first((times) => times.gemm(...args)),
    contextAttention: (...args) => first((times) => times.contextAttention(...args)),
    generationAttention: (...args) => first((times) => times.generationAttention(...args)),
    allReduce: (...args) => first((times) => times.allReduce(...args)),
    collective: (...args) => first((times) => times.collective(...args)),
    experts,
    contextMla: (...args) => first((times) => times.contextMla(...args)),
    generationMla: (...args) => first((times) => times.generationMla(...args)),
  };
}
