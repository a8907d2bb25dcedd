/** Values that are looked at, and with fewer of which nothing speaks against plain noise. */
const WINDOW = 50;
const LEAST_VALUES = 6;
/** Deviations from which a value resembles the one before it, and from which there is a trend. */
const RESEMBLANCE = 1.5;
const TREND = 2;

/**
 * Do the values since the last new level show nothing but noise about it? Tested are the first autocorrelation, which is −1/n ± 1/√n for
 * noise (Box, Jenkins & Reinsel 1994, §2.1.6; only a positive one leads forecasts away from the level), and the slope over time.
 */
export class PlainNoise {
  #values: number[] = [];

  add(value: number): void {
    this.#values.push(value);
    if (this.#values.length > WINDOW) this.#values.shift();
  }

  /** There is a new level, and these are its first values. */
  restart(values: readonly number[]): void {
    this.#values = [...values];
  }

  get isPlain(): boolean {
    const n = this.#values.length;
    if (n < LEAST_VALUES) return true;
    const mean = this.#values.reduce((sum, value) => sum + value, 0) / n;
    let squares = 0;
    let products = 0;
    let slope = 0;
    let times = 0;
    this.#values.forEach((value, i) => {
      const time = i - (n - 1) / 2;
      squares += (value - mean) ** 2;
      if (i > 0) products += (value - mean) * (this.#values[i - 1]! - mean);
      slope += time * (value - mean);
      times += time * time;
    });
    if (!(squares > 0)) return true;
    const resemblance = (products / squares + 1 / n) * Math.sqrt(n);
    const trend = Math.abs(slope) / Math.sqrt((times * squares) / n);
    return resemblance < RESEMBLANCE && trend < TREND;
  }
}
