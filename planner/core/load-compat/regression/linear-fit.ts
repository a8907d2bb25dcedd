import { UserError } from "#common";
import { type NormalEquations, normalEquations, solveNormalEquations } from "#profiles";
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

/** Normal equations of an intercept and all features. */
function equationsOf(samples: readonly Sample[], weights?: readonly number[]): NormalEquations {
  const roots = samples.map((_, i) => Math.sqrt(weights?.[i] ?? 1));
  return normalEquations(
    samples.map(({ x }, i) => [roots[i]!, ...x.map((feature) => feature * roots[i]!)]),
    samples.map(({ y }, i) => y * roots[i]!),
  );
}

/**
 * Weighted least squares on the features named, with an intercept; slopes of the others are 0.
 * @returns null where the samples do not determine it
 */
function fitOn(equations: NormalEquations, features: readonly number[]): LinearFit | null {
  if (equations.samples === 0) return null;
  try {
    const found = solveNormalEquations(equations, [0, ...features.map((feature) => feature + 1)]);
    const slopes = new Array<number>(equations.matrix.length - 1).fill(0);
    features.forEach((feature, place) => {
      slopes[feature] = found[place + 1]!;
    });
    return { intercept: found[0]!, slopes };
  } catch (error) {
    if (error instanceof UserError) return null;
    throw error;
  }
}

/** Ordinary least squares; a feature that never varies has no slope. Null without samples. */
export function fitOrdinary(samples: readonly Sample[]): LinearFit | null {
  const features = (samples[0]?.x ?? []).map((_, feature) => feature);
  const varying = features.filter((feature) => samples.some(({ x }) => x[feature] !== samples[0]!.x[feature]));
  const equations = equationsOf(samples);
  return fitOn(equations, varying) ?? (varying.length > 1 ? fitOn(equations, varying.slice(-1)) : null);
}

/**
 * Least squares with no slope below 0 and a free intercept: the best of all sets of features whose own fit has none.
 * Null without samples.
 */
export function fitNonNegative(samples: readonly Sample[], weights?: readonly number[]): LinearFit | null {
  const count = samples[0]?.x.length ?? 0;
  const equations = equationsOf(samples, weights);
  let best: LinearFit | null = null;
  let least = Number.POSITIVE_INFINITY;
  for (let set = 0; set < 1 << count; set++) {
    const features = Array.from({ length: count }, (_, feature) => feature).filter((feature) => (set >> feature) & 1);
    const fit = fitOn(equations, features);
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
