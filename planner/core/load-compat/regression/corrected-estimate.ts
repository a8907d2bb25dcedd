import type { EngineLoad } from "../engine-load.ts";
import type { EngineLimits, LackingPasses, LearningPassModel, PassModel, RankLoad } from "../pass-model.ts";
import { isTelling, mostLoaded, PASS_FEATURES, type PassKind, passKind, passTimeMs } from "./pass-kind.ts";
import type { PassRegressionOptions } from "./pass-regression.ts";
import { SpreadSamples } from "./retention.ts";

/** Bounds of measured ÷ estimated time: a pass beyond them counts as one at them. */
const LEAST_RATIO = 0.5;
const GREATEST_RATIO = 2;

/**
 * An estimator of single passes, corrected by measured ones where they are like what is asked: the range that the engine's limits leave
 * each kind of pass is cut into buckets, and what falls into one is multiplied by the median of measured ÷ estimated time in it. Buckets
 * without passes, what lies beyond the limits, and kinds with fewer than `minSamples` passes are taken as estimated (the online correction
 * of aiconfigurator 0.12's ForwardPassPerfModel, with its bounds of 0.5 and 2).
 */
export class CorrectedEstimate implements LearningPassModel {
  readonly #estimate: PassModel;
  readonly #minSamples: number;
  readonly #ratios: Record<PassKind, SpreadSamples>;

  /** @param limits of one attention rank */
  constructor(
    estimate: PassModel,
    { maxSamples, buckets, minSamples }: PassRegressionOptions,
    { maxBatchedTokens, maxSequences, maxKvTokens }: EngineLimits,
  ) {
    this.#estimate = estimate;
    this.#minSamples = minSamples;
    this.#ratios = {
      prefill: new SpreadSamples(1, buckets, maxSamples, [maxBatchedTokens]),
      decode: new SpreadSamples(2, buckets, maxSamples, [maxSequences, maxKvTokens]),
      mixed: new SpreadSamples(2, buckets, maxSamples, [maxBatchedTokens, maxKvTokens]),
    };
  }

  learnPasses(engine: EngineLoad): void {
    const ranks = engine.map(({ scheduled }) => scheduled);
    const measuredMs = passTimeMs(engine);
    const load = mostLoaded(ranks);
    if (!isTelling(load, measuredMs)) return;
    const estimatedMs = this.#estimate.passMs(ranks);
    if (estimatedMs === null || !Number.isFinite(estimatedMs) || estimatedMs <= 0) return;
    const kind = passKind(load);
    const ratio = Math.min(GREATEST_RATIO, Math.max(LEAST_RATIO, measuredMs / estimatedMs));
    this.#ratios[kind].add({ x: PASS_FEATURES[kind](load), y: ratio });
  }

  /** None: what was not seen is as estimated. */
  lackingPasses(): readonly LackingPasses[] {
    return [];
  }

  passMs(ranks: readonly RankLoad[]): number | null {
    const ms = this.#estimate.passMs(ranks);
    return ms === null ? null : ms * this.#factor(mostLoaded(ranks));
  }

  #factor(load: RankLoad): number {
    const kind = passKind(load);
    const ratios = this.#ratios[kind];
    if (ratios.count < this.#minSamples) return 1;
    const near = ratios.near(PASS_FEATURES[kind](load));
    return near.length === 0 ? 1 : median(near.map(({ y }) => y));
  }
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
