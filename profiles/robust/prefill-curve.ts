import { tooFewPoints } from "../errors.ts";
import type { PrefillSamples } from "../types.ts";
import { makeNonDecreasing } from "./isotonic.ts";
import { fitCorrection } from "./kriging.ts";
import { fitNonNegative, robustSpread } from "./physical-trend.ts";

export interface PrefillCurve {
  ttftMs(isl: number): number;
  throughputPerGpu(isl: number): number;
}

/**
 * Samples further from the trend than this many robust deviations (and than this share) are left out of the correction.
 */
const OUTLIER_DEVIATIONS = 5;
const OUTLIER_LEAST_SHARE = 0.1;
/** The table reaches this many times the longest measured prompt; beyond it the trend goes on. */
const REACH = 4;
const CELLS = 2048;
/** The trend never falls below this share of the fastest measured time. */
const LEAST_SHARE = 0.05;

/**
 * TTFT over ISL: a trend a + b·ISL + c·ISL² with a, b, c ≥ 0 (weights read once, work per token, attention), fitted to
 * relative errors with Huber's weights, times a smooth correction (kriging of the log residuals over √ISL), made
 * non-decreasing. Throughput is ISL ÷ TTFT, with the factor between the two that the samples show (one over the GPUs
 * that the profiler divided by).
 * @throws UserError PROFILES_TOO_FEW_POINTS
 */
export function fitPrefillCurve(samples: PrefillSamples, where: string): PrefillCurve {
  const usable = samples.isl
    .map((isl, i) => ({ isl, ttftMs: samples.ttftMs[i]!, throughput: samples.throughputPerGpu[i]! }))
    .filter(({ isl, ttftMs }) => isl > 0 && Number.isFinite(ttftMs) && ttftMs > 0);
  if (usable.length === 0) throw tooFewPoints(where, 0, "at least 1 prefill sample");
  const isl = usable.map((sample) => sample.isl);
  const ttftMs = usable.map((sample) => sample.ttftMs);
  const longest = Math.max(...isl);
  const beta = fitNonNegative(
    [isl.map(() => 1), isl.map((x) => x / longest), isl.map((x) => (x / longest) ** 2)],
    ttftMs,
  );
  const floor = LEAST_SHARE * Math.min(...ttftMs);
  const trend = (x: number): number =>
    Math.max(floor, beta[0]! + (x / longest) * (beta[1]! + (x / longest) * beta[2]!));

  const residuals = isl.map((x, i) => Math.log(ttftMs[i]! / trend(x)));
  const limit = OUTLIER_DEVIATIONS * robustSpread(residuals.map(Math.abs));
  const inliers = residuals
    .map((_, i) => i)
    .filter((i) => Math.abs(residuals[i]!) <= Math.max(limit, OUTLIER_LEAST_SHARE));
  const correction = fitCorrection(
    inliers.map((i) => Math.sqrt(isl[i]!)),
    inliers.map((i) => residuals[i]!),
  );

  const reach = REACH * longest;
  const table = new Float64Array(CELLS + 1);
  for (let i = 0; i <= CELLS; i++) {
    const x = (i / CELLS) ** 2 * reach;
    table[i] = trend(x) * Math.exp(correction(Math.sqrt(x), 0));
  }
  makeNonDecreasing(table);
  const beyond = table[CELLS]! / trend(reach);
  const curve = (x: number): number => {
    if (!(x > 0)) return table[0]!;
    if (x >= reach) return beyond * trend(x);
    const position = Math.sqrt(x / reach) * CELLS;
    const i = Math.min(CELLS - 1, Math.floor(position));
    return table[i]! + (table[i + 1]! - table[i]!) * (position - i);
  };
  const factor = medianFactor(usable);
  return {
    ttftMs: curve,
    throughputPerGpu: (x) => (factor * Math.max(1, x)) / curve(Math.max(1, x)),
  };
}

/** Median of stored throughput × TTFT ÷ ISL: 1000 ÷ GPUs, where the file is consistent. */
function medianFactor(samples: readonly { isl: number; ttftMs: number; throughput: number }[]): number {
  const factors = samples
    .map(({ isl, ttftMs, throughput }) => (throughput * ttftMs) / isl)
    .filter((factor) => Number.isFinite(factor) && factor > 0)
    .sort((a, b) => a - b);
  return factors[factors.length >> 1] ?? 1000;
}
