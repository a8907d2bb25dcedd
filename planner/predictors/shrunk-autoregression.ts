import { solveCholesky } from "./least-squares.ts";

export interface Shrinkage {
  /** Lags of the autoregression. */
  order: number;
  /** How many values' worth of evidence the prior is: the larger, the closer to the last value. */
  strength: number;
  /** The k-th lag's prior is k^decay times as strong. */
  decay: number;
  /** Whether values may be drawn to their mean. */
  reverts: boolean;
}

const MIN_VALUES = 5;

/**
 * The next value of an autoregression whose prior is the random walk (the Minnesota prior; Litterman 1986), in differences:
 * xₙ₊₁ − xₙ = Σ aₖ (xₙ₊₁₋ₖ − xₙ₋ₖ) + b (mean − xₙ), fitted by ridge regression, so that without evidence the last value comes again.
 * null where the values are too few or all alike.
 */
export function nextOfShrunk(values: readonly number[], { order, strength, decay, reverts }: Shrinkage): number | null {
  const n = values.length;
  if (n < MIN_VALUES) return null;
  const scale = rootMeanSquareStep(values);
  if (!(scale > 0)) return null;
  const mean = values.reduce((sum, value) => sum + value, 0) / n;
  const steps = values.map((value, i) => (i === 0 ? 0 : (value - values[i - 1]!) / scale));
  const size = order + (reverts ? 1 : 0);
  const normal = new Float64Array(size * size);
  const solution = new Float64Array(size);
  const regressors = new Float64Array(size);
  const regressorsAt = (at: number) => {
    for (let lag = 1; lag <= order; lag++) regressors[lag - 1] = at > lag ? steps[at - lag]! : 0;
    if (reverts) regressors[order] = (mean - values[at - 1]!) / scale;
  };
  for (let at = 2; at < n; at++) {
    regressorsAt(at);
    for (let i = 0; i < size; i++) {
      solution[i] = solution[i]! + regressors[i]! * steps[at]!;
      for (let j = 0; j <= i; j++) normal[i * size + j] = normal[i * size + j]! + regressors[i]! * regressors[j]!;
    }
  }
  for (let i = 0; i < size; i++) {
    normal[i * size + i] = normal[i * size + i]! + (i < order ? strength * (i + 1) ** decay : strength);
  }
  if (!solveCholesky(normal, solution, size)) return null;
  regressorsAt(n);
  let step = 0;
  for (let i = 0; i < size; i++) step += solution[i]! * regressors[i]!;
  return values[n - 1]! + scale * step;
}

function rootMeanSquareStep(values: readonly number[]): number {
  let squares = 0;
  for (let i = 1; i < values.length; i++) squares += (values[i]! - values[i - 1]!) ** 2;
  return Math.sqrt(squares / (values.length - 1));
}
