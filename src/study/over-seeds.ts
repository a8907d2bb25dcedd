import { mean, standardDeviation } from "#common";

/** One measure of several runs that differ in their seed alone. */
export interface OverSeeds {
  count: number;
  mean: number;
  /** Of the sample (÷ n − 1); NaN for one run. */
  standardDeviation: number;
  /** Half the width of the 95 % confidence interval of the mean, by Student's t; NaN for one run. */
  ci95: number;
  min: number;
  max: number;
}

const CONFIDENCE = 0.95;

/** @param values at least one, finite */
export function overSeeds(values: readonly number[]): OverSeeds {
  const count = values.length;
  const deviation = count < 2 ? Number.NaN : standardDeviation(values) * Math.sqrt(count / (count - 1));
  return {
    count,
    mean: mean(values),
    standardDeviation: deviation,
    ci95: count < 2 ? Number.NaN : (twoSidedT(CONFIDENCE, count - 1) * deviation) / Math.sqrt(count),
    min: Math.min(...values),
    max: Math.max(...values),
  };
}

/**
 * t with P(|T| ≤ t) = `probability` for Student's distribution, by bisection.
 * @param freedom degrees of freedom, a whole number of 1 or more
 */
export function twoSidedT(probability: number, freedom: number): number {
  let above = 1;
  while (centralProbability(above, freedom) < probability) above *= 2;
  let below = 0;
  for (let step = 0; step < 200 && above - below > above * 1e-14; step++) {
    const middle = (above + below) / 2;
    if (centralProbability(middle, freedom) < probability) below = middle;
    else above = middle;
  }
  return (above + below) / 2;
}

/** P(|T| ≤ t): the finite sums of Abramowitz and Stegun, Handbook of Mathematical Functions, 26.7.3 and 26.7.4. */
function centralProbability(t: number, freedom: number): number {
  const angle = Math.atan(t / Math.sqrt(freedom));
  const cos2 = Math.cos(angle) ** 2;
  const isOdd = freedom % 2 === 1;
  let term = isOdd ? Math.cos(angle) : 1;
  let sum = freedom === 1 ? 0 : term;
  for (let k = isOdd ? 3 : 2; k <= freedom - 2; k += 2) {
    term *= ((k - 1) / k) * cos2;
    sum += term;
  }
  return isOdd ? (2 / Math.PI) * (angle + Math.sin(angle) * sum) : Math.sin(angle) * sum;
}
