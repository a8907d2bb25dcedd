/** Evidence fades by this factor a value, so that it follows a series that changes its nature. */
const FADE = 0.97;
/** A single value counts for no more nats than that. */
const MOST_PER_VALUE = 1.5;
/** A step counts at most that many times the usual one for the scale. */
const LARGEST_STEP = 4;
const MIN_STEPS = 3;
/** Values that the level is averaged over at most. */
const LEVEL_VALUES = 10;
/** Nats from which noise about a level is believed, and below which it no longer is. */
const BELIEVED = 1;
const DISBELIEVED = 0;

/**
 * Is the series noise about a level, or does every value start anew from the last one (a random walk)? The log-likelihood ratio
 * of the two, value by value, for Laplace noise (steps and misses count by size, not square, so that spikes don't decide it). Both have one
 * scale: about a level, steps are √2 times as wide as the noise; the level's own uncertainty after n values widens misses by
 * √(1 + 1/n).
 */
export class LevelEvidence {
  #last: number | null = null;
  #level = 0;
  #levelValues = 0;
  #stepSum = 0;
  #steps = 0;
  #nats = 0;
  #isLevel = false;

  get isLevel(): boolean {
    return this.#isLevel;
  }

  add(value: number): void {
    if (this.#last !== null) this.#judge(value, Math.abs(value - this.#last));
    this.#last = value;
    this.#levelValues = Math.min(this.#levelValues + 1, LEVEL_VALUES);
    this.#level += (value - this.#level) / this.#levelValues;
  }

  #judge(value: number, step: number): void {
    const most = this.#steps >= MIN_STEPS ? (LARGEST_STEP * this.#stepSum) / this.#steps : step;
    this.#stepSum = this.#stepSum * FADE + Math.min(step, most);
    this.#steps = this.#steps * FADE + 1;
    const usualStep = this.#stepSum / this.#steps + 1e-9;
    const widened = Math.sqrt(1 + 1 / this.#levelValues);
    const miss = (Math.SQRT2 * Math.abs(value - this.#level)) / (usualStep * widened);
    const nats = step / usualStep - miss + Math.log(Math.SQRT2 / widened);
    this.#nats = this.#nats * FADE + Math.max(-MOST_PER_VALUE, Math.min(MOST_PER_VALUE, nats));
    if (this.#nats > BELIEVED) this.#isLevel = true;
    if (this.#nats < DISBELIEVED) this.#isLevel = false;
  }
}
