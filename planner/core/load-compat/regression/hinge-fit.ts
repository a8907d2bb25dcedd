import { evaluate, fitNonNegative, type LinearFit, squaredError } from "./linear-fit.ts";
import type { Sample } from "./retention.ts";

/** Two straight pieces that meet at the knot; the slopes are those of either side. */
export interface HingeFit {
  knot: number;
  line: LinearFit;
}

/** Below this many samples a straight line is fitted. */
export const LEAST_FOR_HINGE = 6;

const QUANTILE_KNOTS = [0.2, 0.4, 0.6, 0.8];
const LOG_KNOTS = 8;

/** Short passes weigh no more than one of this time, ms: relative errors count, but not those of next to nothing. */
const WEIGHT_FLOOR_MS = 25;

/**
 * Time over tokens as two straight pieces: short prompts cost a floor that long ones do not show. Of knots at quantiles of the
 * samples and spaced evenly in logarithm, the one with the least weighted error; slopes of both pieces are at least 0. As Dynamo's
 * estimator of 2026 fits prefill.
 * @param samples one feature each, y in ms
 */
export function fitHinge(samples: readonly Sample[]): HingeFit | null {
  const xs = samples.map(({ x }) => x[0]!).sort((a, b) => a - b);
  const weights = samples.map(({ y }) => 1 / Math.max(y, WEIGHT_FLOOR_MS));
  let best: HingeFit | null = null;
  let least = Number.POSITIVE_INFINITY;
  for (const knot of knots(xs)) {
    const pieces = samples.map(({ x, y }) => ({ x: split(x[0]!, knot), y }));
    const line = fitNonNegative(pieces, weights);
    if (line === null) continue;
    const error = squaredError(line, pieces, weights);
    if (error >= least) continue;
    best = { knot, line };
    least = error;
  }
  return best;
}

export function evaluateHinge({ knot, line }: HingeFit, x: number): number {
  return evaluate(line, split(x, knot));
}

/** Up to the knot, and beyond it. */
function split(x: number, knot: number): [number, number] {
  return [Math.min(x, knot), Math.max(0, x - knot)];
}

function knots(sorted: readonly number[]): number[] {
  const last = sorted.length - 1;
  const quantiles = QUANTILE_KNOTS.map((share) => sorted[Math.round(share * last)]!);
  const from = Math.max(1, sorted[0]!);
  const to = Math.max(from, sorted[last]!);
  const spaced = Array.from({ length: LOG_KNOTS }, (_, i) => from * (to / from) ** ((i + 1) / (LOG_KNOTS + 1)));
  return [...quantiles, ...spaced];
}
