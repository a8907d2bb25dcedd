import { requireCount } from "../counts.ts";
import type { EngineEstimator, Estimate, EstimateOrigin, NativeEngine } from "../types.ts";

/**
 * A native engine as the estimator of a whole engine: batches are those of all attention ranks together. What its numbers rest
 * on is told in `adjustments`.
 */
export function estimatorOf(engine: NativeEngine): EngineEstimator {
  const { facts } = engine;
  const { layout } = facts;
  const counts: Record<EstimateOrigin, number> = { table: 0, scaled: 0, analytic: 0 };
  let adjusted = 0;

  const note = (estimate: Estimate): number => {
    counts[estimate.origin]++;
    if (estimate.adjusted) adjusted++;
    return estimate.ms;
  };

  return {
    facts,
    maxKvTokens: facts.maxKvTokens,
    get adjustments() {
      const all = counts.table + counts.scaled + counts.analytic;
      const notes: string[] = [];
      const asked = engine.spec.backendVersion;
      if (asked !== undefined && asked !== facts.backendVersion) {
        notes.push(`version ${asked} was asked for, the measurements are of ${facts.backendVersion}`);
      }
      if (counts.analytic > 0) notes.push(`${counts.analytic} of ${all} times rest on analytic kernels in part`);
      if (counts.scaled > 0) notes.push(`${counts.scaled} of ${all} times rest on tables of another backend in part`);
      if (adjusted > 0) notes.push(`in ${adjusted} of ${all} times artefacts of the tables were bounded`);
      return notes;
    },
    prefillMs: async (isl) => {
      requireCount("isl", isl, 1);
      return note(engine.context(1, isl));
    },
    decode: async (batch, isl, osl) => {
      requireCount("batch", batch, layout.attentionDp, layout.attentionDp);
      requireCount("isl", isl, 1);
      requireCount("osl", osl, 2);
      const itlMs = note(engine.meanGeneration(batch / layout.attentionDp, isl, osl));
      return { itlMs, throughputPerGpu: (batch * 1000) / itlMs / layout.gpus };
    },
  };
}
