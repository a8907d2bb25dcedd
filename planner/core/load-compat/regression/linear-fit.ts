import { UserError } from "#common";
import { leastSquares } from "#profiles";
import type { Sample } from "./retention.ts";

/** y = intercept + Σ slopes × x. */
export interface LinearFit {
  intercept: number;
  slopes: number[];
}

export function evaluate({ intercept, slopes }: LinearFit, x: readonly number[]): number {
  let sum = intercept;
  for (let i = 0; i < slopes.length; i++) sum += slopes[i]! * x[i]!;
  return sum;
}

/**
 * Weighted least squares on the features named, with an intercept; slopes of the others are 0.
 * @returns null where the samples do not determine it
 */
function fitOn(samples: readonly Sample[], features: readonly number[], weights?: readonly number[]): LinearFit | null {
  if (samples.length === 0) return null;
  const roots = samples.map((_, i) => Math.sqrt(weights?.[i] ?? 1));
  try {
    const [intercept, ...found] = leastSquares(
      samples.map(({ x }, i) => [roots[i]!, ...features.map((feature) => x[feature]! * roots[i]!)]),
      samples.map(({ y }, i) => y * roots[i]!),
    );
    const slopes = (samples[0]?.x ?? []).map((_, feature) => {
      const place = features.indexOf(feature);
      return place < 0 ? 0 : found[place]!;
    });
    return { intercept: intercept!, slopes };
  } catch (error) {
    if (error instanceof UserError) return null;
    throw error;
  }
}

/** Ordinary least squares; a feature that never varies has no slope. Null without samples. */
export function fitOrdinary(samples: readonly Sample[]): LinearFit | null {
  const features = (samples[0]?.x ?? []).map((_, feature) => feature);
  const varying = features.filter((feature) => samples.some(({ x }) => x[feature] !== samples[0]!.x[feature]));
  return fitOn(samples, varying) ?? (varying.length > 1 ? fitOn(samples, varying.slice(-1)) : null);
}

/**
 * Least squares with no slope below 0 and a free intercept: the best of all sets of features whose own fit has none.
 * Null without samples.
 */
export function fitNonNegative(samples: readonly Sample[], weights?: readonly number[]): LinearFit | null {
  const count = samples[0]?.x.length ?? 0;
  let best: LinearFit | null = null;
  let least = Number.POSITIVE_INFINITY;
  for (let set = 0; set < 1 << count; set++) {
    const features = Array.from({ length: count }, (_, feature) => feature).filter((feature) => (set >> feature) & 1);
    const fit = fitOn(samples, features, weights);
    if (fit === null || fit.slopes.some((slope) => slope < 0)) continue;
    const error = squaredError(fit, samples, weights);
    if (error >= least) continue;
    best = fit;
    least = error;
  }
  return best;
}

/** Σ weight × (found − measured)². */
export function squaredError(fit: LinearFit, samples: readonly Sample[], weights?: readonly number[]): number {
  let sum = 0;
  for (let i = 0; i < samples.length; i++) {
    const { x, y } = samples[i]!;
    sum += (weights?.[i] ?? 1) * (evaluate(fit, x) - y) ** 2;
  }
  return sum;
}
