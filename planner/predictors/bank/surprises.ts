/** Memory of surprises fades with this time constant, s: for a burst an hour capacity is held, for one a day it is not. */
const MEMORY_S = 7200;
/** What has faded to less than e^−4 is forgotten. */
const FORGOTTEN_AFTER_S = 4 * MEMORY_S;
/** A share is taken of at least this much traffic, s at the mean rate: the first minutes say little of what is usual. */
const LEAST_S = 900;
/** Deviations of Poisson noise that surprise nobody. */
const NOISE_DEVIATIONS = 3;
const MOST_KEPT = 4096;

interface Surprise {
  atS: number;
  /** Rate beyond forecast and noise. */
  excess: number;
  /** Requests that came in this tick: where capacity lacks, not only those beyond it are late. */
  requests: number;
  /** Rate that was reached, without noise. */
  reached: number;
}

/** Load that a forecast did not see coming, and all load beside it. Rates in requests/s, times in s. */
export class Surprises {
  readonly #surprises: Surprise[] = [];
  #requests = 0;
  #seconds = 0;

  /**
   * @param rate what was seen, as a mean over some seconds @param forecast what had been forecast for it
   * @param noise standard deviation of such a mean at that rate
   */
  push(nowS: number, dtS: number, rate: number, forecast: number, noise: number): void {
    const keep = Math.exp(-dtS / MEMORY_S);
    this.#requests = this.#requests * keep + rate * dtS;
    this.#seconds = this.#seconds * keep + dtS;
    const excess = rate - forecast - NOISE_DEVIATIONS * noise;
    if (excess > 0) this.#surprises.push({ atS: nowS, excess, requests: rate * dtS, reached: rate - noise });
    let forgotten = Math.max(0, this.#surprises.length - MOST_KEPT);
    while (forgotten < this.#surprises.length && this.#surprises[forgotten]!.atS < nowS - FORGOTTEN_AFTER_S)
      forgotten++;
    if (forgotten > 0) this.#surprises.splice(0, forgotten);
  }

  /**
   * The least reserve with which at most `share` of all requests would have met too few workers, had it been held all the time, and
   * the highest rate that unforeseen load has reached. @param sinceS earlier surprises are left out
   */
  reserve(nowS: number, share: number, sinceS = Number.NEGATIVE_INFINITY): { reserve: number; ceiling: number } {
    let ceiling = 0;
    let missed = 0;
    if (this.#seconds === 0) return { reserve: 0, ceiling };
    const meanRate = this.#requests / this.#seconds;
    const tolerated = share * meanRate * Math.max(LEAST_S, Math.min(this.#seconds, nowS - sinceS));
    const recent = this.#surprises.filter(({ atS }) => atS >= sinceS);
    for (const { reached } of recent) ceiling = Math.max(ceiling, reached);
    for (const { atS, excess, requests } of recent.sort((a, b) => b.excess - a.excess)) {
      missed += requests * Math.exp((atS - nowS) / MEMORY_S);
      if (missed > tolerated) return { reserve: excess, ceiling };
    }
    return { reserve: 0, ceiling };
  }
}
