import { type Arrivals, LoadWatch } from "./load-watch.ts";
import type { SafetyMargins } from "./pressure.ts";

/** The load of a tick. */
export interface Load {
  /** The upper forecast that workers are counted for, requests/s. */
  upperRate: number;
  /** The forecast in it, without what is held in reserve for its errors and for bursts, requests/s. */
  forecast: number;
  arrivals: Arrivals;
  /** How much of the forecast comes from models of a period, 0 to 1. */
  seasonalShare: number;
  /** How the workers for it were counted; null where formulas have not counted them. */
  count: WorkerCount | null;
}

export interface WorkerCount {
  margins: SafetyMargins;
  /** Workers for `rate` requests/s of the present shapes, on the present engines; null while that can't be said. */
  workers: (rate: number, margins: SafetyMargins) => number | null;
}

/** Noise of upper forecasts: deviations of a Poisson rate, as the quicker models smooth it over this window. */
const SMOOTHED_OVER_S = 50;
/** A forecast that is lower by no more than so many deviations tells of the same load, whatever else does. */
const SAME_DEVIATIONS = 3;
/**
 * A forecast that is lower by so many deviations tells of less load. The one that called for workers was the highest of many, and
 * the one that would send them away is the lowest of many: under constant load such two lie up to six deviations apart.
 */
const LESS_DEVIATIONS = 7;

/** Workers that a load was once found to need: while the load is the same, so is the need, whatever forecasts make of noise. */
export class KnownNeed {
  readonly workers: number;
  readonly #load: Load;
  readonly #untilMs: number;
  readonly #tooFew: number | null;
  readonly #watch = new LoadWatch();

  /**
   * @param load what called for the workers @param untilMs when this is forgotten
   * @param tooFew workers that were tried just before, and were not enough; null where none were
   */
  constructor(workers: number, load: Load, untilMs: number, tooFew: number | null = null) {
    this.workers = workers;
    this.#load = load;
    this.#untilMs = untilMs;
    this.#tooFew = tooFew;
  }

  /**
   * Looks at the next tick, and tells whether its load still needs the workers.
   * @param enough workers that its forecasts ask for
   */
  holds(nowMs: number, enough: number, load: Load): boolean {
    const { upperRate, arrivals, seasonalShare } = load;
    this.#watch.add(arrivals);
    // No load at all is none that was known, however little that was.
    if (nowMs > this.#untilMs || upperRate <= 0) return false;
    // Load that follows a period is not constant: its forecasts are right to fall.
    const deviations = LESS_DEVIATIONS - (LESS_DEVIATIONS - SAME_DEVIATIONS) * seasonalShare;
    const noise = deviations * deviation(this.#load.forecast);
    // So much noise changes the need by so many workers, and one more by rounding up; where it fell by more, requests or
    // engines have changed. But what was tried and was too few is no news: engines look quicker while there are too many.
    const leastByNoise = this.workers - 1 - (this.workers * noise) / this.#load.upperRate;
    const isFarFewer = enough < Math.min(leastByNoise, this.#tooFew ?? leastByNoise);
    if (isFarFewer && !this.#isStillCounted(leastByNoise, load)) return false;
    const fall = this.#load.upperRate - upperRate;
    const same = SAME_DEVIATIONS * deviation(this.#load.upperRate);
    if (fall <= same) return true;
    // A reserve that is given up is no noise of the load, nor has it any.
    if (reserveOf(this.#load) - reserveOf(load) > same) return false;
    return fall <= noise && !this.#watch.hasFallen;
  }

  /**
   * Whether the load needs its workers still with the margins that it was counted by then. If so, neither requests nor engines have changed,
   * but margins have been given up while nothing was late, as it was not because the workers were there.
   */
  #isStillCounted(least: number, { count }: Load): boolean {
    const then = this.#load.count;
    if (then === null || count === null) return false;
    const workers = count.workers(this.#load.upperRate, then.margins);
    return workers !== null && workers >= least;
  }
}

function reserveOf({ upperRate, forecast }: Load): number {
  return upperRate - forecast;
}

/** Of a Poisson rate, requests/s, as forecasts smooth it. */
function deviation(rate: number): number {
  return Math.sqrt(rate / SMOOTHED_OVER_S);
}
