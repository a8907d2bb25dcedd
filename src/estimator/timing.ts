import type { TimingModel } from "#mocker/engine";
import type { NativeEngine } from "./types.ts";

export interface EstimatorTimingOptions {
  /** Schedulers that share the engine's attention ranks: 1, or one a rank. 1 where absent. */
  schedulers?: number;
}

/**
 * An engine's passes as the built-in estimator has them, for mock engines on either clock.
 *
 * Prompts of a pass are taken as so many of their mean length, of which their mean start is cached, and decoding sequences
 * as so many of their mean context, which is how NVIDIA's mocker asks its estimator. Where one scheduler stands for several
 * attention ranks, each rank has its share of the batch, rounded up. Lengths are rounded to whole tokens.
 */
export function estimatorTiming(engine: NativeEngine, options: EstimatorTimingOptions = {}): TimingModel {
  const ranks = ranksPerScheduler(engine, options.schedulers ?? 1);
  return {
    kind: "estimator",
    chunkWorkMs: () => 0,
    prefillMs: (batch, newTokens, cachedTokens) => {
      if (batch === 0 || newTokens === 0) return 0;
      const prefix = Math.round(cachedTokens / batch);
      const isl = Math.max(prefix + 1, Math.round((cachedTokens + newTokens) / batch));
      return engine.context(Math.ceil(batch / ranks), isl, prefix).ms;
    },
    decodeMs: (batch, _activeKvTokens, meanContext) => {
      if (batch === 0) return 0;
      return engine.generation(Math.ceil(batch / ranks), Math.max(1, Math.round(meanContext))).ms;
    },
    // What is no measurement has no measured range to leave.
    extrapolations: () => 0,
  };
}

/** KV capacity of one scheduler, whole blocks. */
export function estimatorBlocks(engine: NativeEngine, blockSize: number, schedulers = 1): number {
  const tokens = engine.kvTokensPerRank * ranksPerScheduler(engine, schedulers);
  return Math.max(1, Math.floor(tokens / blockSize));
}

function ranksPerScheduler(engine: NativeEngine, schedulers: number): number {
  return Math.max(1, engine.facts.layout.attentionDp / schedulers);
}
