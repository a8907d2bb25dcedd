import { factorCholesky, solveFactored } from "../least-squares.ts";

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
 * @param bases where series with the same times come again: what depends on these alone is kept there
 */
export function fitHarmonics(
  middleS: Float64Array,
  rates: Float64Array,
  binS: number,
  elapsedS: number,
  shortestPeriodS: number,
  bases: HarmonicBases | null = null,
): HarmonicFit | null {
  const shortest = Math.max(shortestPeriodS, SHORTEST_PERIOD_BINS * binS);
  const longest = elapsedS / CYCLES_SEEN;
  if (rates.length < 2 * COLUMNS || longest < shortest) return null;
  const search = new PeriodSearch(middleS, rates, bases);
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

/** What of a fit depends on times and period alone. */
interface HarmonicBasis {
  /** A row of columns for each time. */
  values: Float64Array;
  /** Cholesky factor of their products, summed over the times, with a ridge; of as many columns as `rank`. */
  factor: Float64Array;
  rank: number;
}

/** Bases of series whose times are always 0, 1, 2, …: of one length, the last that was asked for. */
export class HarmonicBases {
  #length = 0;
  readonly #known = new Map<number, HarmonicBasis>();

  of(length: number, periodS: number, make: () => HarmonicBasis): HarmonicBasis {
    if (length !== this.#length) this.#known.clear();
    this.#length = length;
    let basis = this.#known.get(periodS);
    if (basis === undefined) {
      basis = make();
      this.#known.set(periodS, basis);
    }
    return basis;
  }
}

class PeriodSearch {
  best: HarmonicFit | null = null;
  readonly #middleS: Float64Array;
  readonly #rates: Float64Array;
  readonly #originS: number;
  readonly #constantBic: number;
  readonly #bases: HarmonicBases | null;
  /** Made anew for each period where bases are not kept. */
  readonly #own: HarmonicBasis;
  readonly #moments = new Float64Array(COLUMNS);

  constructor(middleS: Float64Array, rates: Float64Array, bases: HarmonicBases | null) {
    this.#bases = bases;
    this.#middleS = middleS;
    this.#rates = rates;
    const n = rates.length;
    this.#originS = middleS[n - 1]!;
    this.#own = newBasis(bases === null ? n : 0);
    const mean = rates.reduce((sum, rate) => sum + rate, 0) / n;
    this.#constantBic = bic(
      rates.reduce((sum, rate) => sum + (rate - mean) ** 2, 0),
      n,
      1,
    );
  }

  consider(periodS: number): void {
    const basis =
      this.#bases === null
        ? this.#filled(this.#own, periodS)
        : this.#bases.of(this.#rates.length, periodS, () => this.#filled(newBasis(this.#rates.length), periodS));
    this.#accumulateMoments(basis);
    for (const harmonics of [1, MAX_HARMONICS]) {
      const columns = 2 * harmonics + 1;
      if (columns > basis.rank) continue;
      const coefficients = this.#moments.slice(0, columns);
      solveFactored(basis.factor, coefficients, columns, COLUMNS);
      const gain = this.#constantBic - bic(this.#squaredErrors(basis, coefficients), this.#rates.length, columns + 1);
      // A multiple of a period explains as much as the period: it must be better by more than a trifle.
      const isMultiple = this.best !== null && periodS > 1.3 * this.best.periodS;
      if (this.best === null || gain > this.best.bicGain + (isMultiple ? MULTIPLE_HANDICAP : 0)) {
        this.best = { periodS, harmonics, originS: this.#originS, coefficients, bicGain: gain };
      }
    }
  }

  #filled(basis: HarmonicBasis, periodS: number): HarmonicBasis {
    const { values, factor } = basis;
    const count = this.#rates.length;
    for (let row = 0; row < count; row++) {
      const angle = (2 * Math.PI * (this.#middleS[row]! - this.#originS)) / periodS;
      const cosine = Math.cos(angle);
      const sine = Math.sin(angle);
      let c = 1;
      let s = 0;
      values[row * COLUMNS] = 1;
      for (let k = 1; k <= MAX_HARMONICS; k++) {
        const nextC = c * cosine - s * sine;
        s = s * cosine + c * sine;
        c = nextC;
        values[row * COLUMNS + 2 * k - 1] = c;
        values[row * COLUMNS + 2 * k] = s;
      }
    }
    factor.fill(0);
    for (let row = 0; row < count; row++) {
      const at = row * COLUMNS;
      for (let i = 0; i < COLUMNS; i++) {
        const value = values[at + i]!;
        for (let j = 0; j <= i; j++) {
          factor[i * COLUMNS + j] = factor[i * COLUMNS + j]! + value * values[at + j]!;
        }
      }
    }
    for (let i = 1; i < COLUMNS; i++) factor[i * COLUMNS + i] = factor[i * COLUMNS + i]! + RIDGE * count;
    basis.rank = factorCholesky(factor, COLUMNS);
    return basis;
  }

  // The two loops below are most of what a day of forecasts costs; sums in variables of their own make them three times as fast.

  #accumulateMoments({ values }: HarmonicBasis): void {
    const rates = this.#rates;
    let [m0, m1, m2, m3, m4, m5, m6] = [0, 0, 0, 0, 0, 0, 0];
    for (let row = 0, at = 0; row < rates.length; row++, at += COLUMNS) {
      const rate = rates[row]!;
      m0 += rate;
      m1 += values[at + 1]! * rate;
      m2 += values[at + 2]! * rate;
      m3 += values[at + 3]! * rate;
      m4 += values[at + 4]! * rate;
      m5 += values[at + 5]! * rate;
      m6 += values[at + 6]! * rate;
    }
    this.#moments.set([m0, m1, m2, m3, m4, m5, m6]);
  }

  #squaredErrors({ values }: HarmonicBasis, coefficients: Float64Array): number {
    const rates = this.#rates;
    const c0 = coefficients[0]!;
    const c1 = coefficients[1]!;
    const c2 = coefficients[2]!;
    let sum = 0;
    if (coefficients.length === 3) {
      for (let row = 0, at = 0; row < rates.length; row++, at += COLUMNS) {
        sum += (rates[row]! - (c0 + c1 * values[at + 1]! + c2 * values[at + 2]!)) ** 2;
      }
      return sum;
    }
    const c3 = coefficients[3]!;
    const c4 = coefficients[4]!;
    const c5 = coefficients[5]!;
    const c6 = coefficients[6]!;
    for (let row = 0, at = 0; row < rates.length; row++, at += COLUMNS) {
      const first = c0 + c1 * values[at + 1]! + c2 * values[at + 2]!;
      const value = first + c3 * values[at + 3]! + c4 * values[at + 4]! + c5 * values[at + 5]! + c6 * values[at + 6]!;
      sum += (rates[row]! - value) ** 2;
    }
    return sum;
  }
}

function newBasis(rows: number): HarmonicBasis {
  return { values: new Float64Array(rows * COLUMNS), factor: new Float64Array(COLUMNS * COLUMNS), rank: 0 };
}

/** Bayesian information criterion of a Gaussian fit (Schwarz 1978). */
function bic(squaredErrors: number, n: number, parameters: number): number {
  return n * Math.log(Math.max(squaredErrors / n, 1e-12)) + parameters * Math.log(n);
}
