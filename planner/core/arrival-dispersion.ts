/** Windows are long enough for so many requests: fewer say little of how they clump. */
const LEAST_REQUESTS = 20;
/** Pairs of windows that count. */
const KEPT = 240;
const LEAST_PAIRS = 30;
/** A pair that differs by two deviations of Poisson arrivals or more is telling: a pair in twenty is, and some more where counts are small. */
const TELLING = 4;
const TELLING_BY_CHANCE = 0.06;
/** Noise of Poisson arrivals does not go so many deviations beyond that in a lifetime. */
const PROVEN_DEVIATIONS = 7;
/**
 * Load that jumps makes pairs telling, too, but only where it jumps, in one pair of five where it does so twice a minute; clumps are in every pair. So
 * many pairs must differ by a deviation: of Poisson arrivals 0.32 do, with an index of 3 it is 0.56, of 4 0.62.
 */
const DEVIATION = 1;
const CLUMPED_SHARE = 0.54;
const NO_LONGER_CLUMPED_SHARE = 0.42;
/** The largest fifth is left out, for jumps; the mean of what is left of a χ² distribution with one degree of freedom. */
const LEFT_SHARE = 0.8;
const LEFT_MEAN = 0.44;
/** More is not believed. */
const MOST = 25;

/**
 * Whether requests come clumped, and how much: the index of dispersion of counts (variance ÷ mean; Cox & Lewis 1966, ch. 4), from pairs of
 * neighbouring windows, so that a rate that changes slowly is no dispersion. 1, as for Poisson arrivals, until the opposite is proven.
 */
export class ArrivalDispersion {
  #count = 0;
  #seconds = 0;
  #before: { count: number; seconds: number } | null = null;
  /** Squared differences ÷ their variance with Poisson arrivals. */
  #pairs: number[] = [];
  #isClumped = false;
  #index = 1;

  /** Variance ÷ mean of counts. */
  get index(): number {
    return this.#index;
  }

  /** @param usualRate requests/s, by which the length of windows is chosen */
  update(requests: number, seconds: number, usualRate: number): void {
    this.#count += requests;
    this.#seconds += seconds;
    if (this.#seconds * usualRate < LEAST_REQUESTS) return;
    const now = { count: this.#count, seconds: this.#seconds };
    this.#count = 0;
    this.#seconds = 0;
    const before = this.#before;
    this.#before = now;
    if (before === null) return;
    const all = before.count + now.count;
    if (all < LEAST_REQUESTS) return;
    this.#add((now.count * before.seconds - before.count * now.seconds) ** 2 / (all * before.seconds * now.seconds));
  }

  #add(pair: number): void {
    this.#pairs.push(pair);
    if (this.#pairs.length > KEPT) this.#pairs.shift();
    const share = this.#shareBeyond(DEVIATION);
    this.#isClumped = this.#isClumped ? share >= NO_LONGER_CLUMPED_SHARE : share >= CLUMPED_SHARE && this.#isProven();
    this.#index = this.#isClumped ? this.#estimate() : 1;
  }

  #shareBeyond(least: number): number {
    return this.#pairs.reduce((sum, pair) => sum + (pair > least ? 1 : 0), 0) / this.#pairs.length;
  }

  #isProven(): boolean {
    const count = this.#pairs.length;
    const byChance = TELLING_BY_CHANCE * count;
    return (
      count >= LEAST_PAIRS && this.#shareBeyond(TELLING) * count >= byChance + PROVEN_DEVIATIONS * Math.sqrt(byChance)
    );
  }

  #estimate(): number {
    const ascending = Float64Array.from(this.#pairs).sort();
    const left = ascending.subarray(0, Math.ceil(LEFT_SHARE * ascending.length));
    const mean = left.reduce((sum, pair) => sum + pair, 0) / left.length;
    return Math.min(MOST, Math.max(1, mean / LEFT_MEAN));
  }
}
