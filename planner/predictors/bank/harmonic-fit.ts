import { solveCholesky } from "../least-squares.ts";

/** Mean plus one or three harmonics of a period: c0 + Σ a_k cos(k ω (t − originS)) + b_k sin(…). */
export interface HarmonicFit {
  periodS: number;
  harmonics: number;
  originS: number;
  coefficients: Float64Array;
  /** Gain in the Bayesian information criterion over a constant; above 0 the period explains more than it costs. */
  bicGain: number;
}

const MAX_HARMONICS = 3;
const COLUMNS = 2 * MAX_HARMONICS + 1;
const GRID_STEP = 1.04;
const RIDGE = 1e-3;
const MULTIPLE_HANDICAP = 10;
const SHORTEST_PERIOD_BINS = 8;
/** A period counts as seen after it has gone round 1.15 times. */
const CYCLES_SEEN = 1.15;

/**
 * The period and number of harmonics with the best BIC by least squares over a geometric grid of periods, then refined
 * within its grid step. null where the series is shorter than any period of the grid.
 */
export function fitHarmonics(
  middleS: Float64Array,
  rates: Float64Array,
  binS: number,
  elapsedS: number,
  shortestPeriodS: number,
): HarmonicFit | null {
  const shortest = Math.max(shortestPeriodS, SHORTEST_PERIOD_BINS * binS);
  const longest = elapsedS / CYCLES_SEEN;
  if (rates.length < 2 * COLUMNS || longest < shortest) return null;
  const search = new PeriodSearch(middleS, rates);
  for (let period = shortest; period <= longest; period *= GRID_STEP) search.consider(period);
  const coarse = search.best?.periodS;
  if (coarse !== undefined) {
    for (const factor of [0.985, 0.9925, 1.0075, 1.015]) search.consider(Math.min(longest, coarse * factor));
  }
  return search.best;
}

/** Value of the fit at `atS`. */
export function harmonicValue(fit: HarmonicFit, atS: number): number {
  const angle = (2 * Math.PI * (atS - fit.originS)) / fit.periodS;
  let value = fit.coefficients[0]!;
  for (let k = 1; k <= fit.harmonics; k++) {
    value += fit.coefficients[2 * k - 1]! * Math.cos(k * angle) + fit.coefficients[2 * k]! * Math.sin(k * angle);
  }
  return value;
}

class PeriodSearch {
  best: HarmonicFit | null = null;
  readonly #middleS: Float64Array;
  readonly #rates: Float64Array;
  readonly #originS: number;
  readonly #constantBic: number;
  readonly #basis: Float64Array;
  readonly #normal = new Float64Array(COLUMNS * COLUMNS);
  readonly #moments = new Float64Array(COLUMNS);

  constructor(middleS: Float64Array, rates: Float64Array) {
    this.#middleS = middleS;
    this.#rates = rates;
    const n = rates.length;
    this.#originS = middleS[n - 1]!;
    this.#basis = new Float64Array(n * COLUMNS);
    const mean = rates.reduce((sum, rate) => sum + rate, 0) / n;
    this.#constantBic = bic(
      rates.reduce((sum, rate) => sum + (rate - mean) ** 2, 0),
      n,
      1,
    );
  }

  consider(periodS: number): void {
    this.#fillBasis(periodS);
    this.#accumulate();
    for (const harmonics of [1, MAX_HARMONICS]) {
      const coefficients = this.#solve(harmonics);
      if (coefficients === null) continue;
      const gain = this.#constantBic - bic(this.#squaredErrors(coefficients), this.#rates.length, 2 * harmonics + 2);
      // A multiple of a period explains as much as the period: it must be better by more than a trifle.
      const isMultiple = this.best !== null && periodS > 1.3 * this.best.periodS;
      if (this.best === null || gain > this.best.bicGain + (isMultiple ? MULTIPLE_HANDICAP : 0)) {
        this.best = { periodS, harmonics, originS: this.#originS, coefficients, bicGain: gain };
      }
    }
  }

  #fillBasis(periodS: number): void {
    for (let row = 0; row < this.#rates.length; row++) {
      const angle = (2 * Math.PI * (this.#middleS[row]! - this.#originS)) / periodS;
      const cosine = Math.cos(angle);
      const sine = Math.sin(angle);
      let c = 1;
      let s = 0;
      this.#basis[row * COLUMNS] = 1;
      for (let k = 1; k <= MAX_HARMONICS; k++) {
        const nextC = c * cosine - s * sine;
        s = s * cosine + c * sine;
        c = nextC;
        this.#basis[row * COLUMNS + 2 * k - 1] = c;
        this.#basis[row * COLUMNS + 2 * k] = s;
      }
    }
  }

  #accumulate(): void {
    this.#normal.fill(0);
    this.#moments.fill(0);
    for (let row = 0; row < this.#rates.length; row++) {
      const at = row * COLUMNS;
      for (let i = 0; i < COLUMNS; i++) {
        const value = this.#basis[at + i]!;
        this.#moments[i] = this.#moments[i]! + value * this.#rates[row]!;
        for (let j = 0; j <= i; j++) {
          this.#normal[i * COLUMNS + j] = this.#normal[i * COLUMNS + j]! + value * this.#basis[at + j]!;
        }
      }
    }
  }

  #solve(harmonics: number): Float64Array | null {
    const size = 2 * harmonics + 1;
    const matrix = new Float64Array(size * size);
    for (let i = 0; i < size; i++) {
      for (let j = 0; j <= i; j++) matrix[i * size + j] = this.#normal[i * COLUMNS + j]!;
      if (i > 0) matrix[i * size + i] = matrix[i * size + i]! + RIDGE * this.#rates.length;
    }
    const solution = this.#moments.slice(0, size);
    return solveCholesky(matrix, solution, size) ? solution : null;
  }

  #squaredErrors(coefficients: Float64Array): number {
    let sum = 0;
    for (let row = 0; row < this.#rates.length; row++) {
      let value = 0;
      for (let i = 0; i < coefficients.length; i++) value += coefficients[i]! * this.#basis[row * COLUMNS + i]!;
      sum += (this.#rates[row]! - value) ** 2;
    }
    return sum;
  }
}

/** Bayesian information criterion of a Gaussian fit (Schwarz 1978). */
function bic(squaredErrors: number, n: number, parameters: number): number {
  return n * Math.log(Math.max(squaredErrors / n, 1e-12)) + parameters * Math.log(n);
}
