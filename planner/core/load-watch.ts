/** Mean rate of some time, requests/s. */
export interface Arrivals {
  rate: number;
  seconds: number;
}

/** Stretches at the end that are compared with all before them, s: short ones show a great fall soon, long ones a small one. */
const WINDOWS_S = [20, 40, 80, 160];
const LONGEST_S = Math.max(...WINDOWS_S);
/** So many deviations below what came before is less load: noise goes so far once in 30,000 looks. */
const LESS_DEVIATIONS = 4;

/** Tells from the arrivals since some moment whether the load has fallen since, or shows only the noise of Poisson arrivals. */
export class LoadWatch {
  #recent: Arrivals[] = [];
  #count = 0;
  #seconds = 0;
  #hasFallen = false;

  /** True from when the load was first seen to be less than before. */
  get hasFallen(): boolean {
    return this.#hasFallen;
  }

  add(arrivals: Arrivals): void {
    if (this.#hasFallen || !(arrivals.seconds > 0)) return;
    this.#recent.push(arrivals);
    this.#count += arrivals.rate * arrivals.seconds;
    this.#seconds += arrivals.seconds;
    let lateCount = 0;
    let lateSeconds = 0;
    let windows = 0;
    let used = 0;
    while (used < this.#recent.length && windows < WINDOWS_S.length) {
      const { rate, seconds } = this.#recent.at(-1 - used)!;
      used++;
      lateCount += rate * seconds;
      lateSeconds += seconds;
      if (lateSeconds < WINDOWS_S[windows]!) continue;
      while (windows < WINDOWS_S.length && lateSeconds >= WINDOWS_S[windows]!) windows++;
      if (this.#isLess(lateCount, lateSeconds)) this.#hasFallen = true;
    }
    if (lateSeconds >= LONGEST_S) this.#recent = this.#recent.slice(-used);
  }

  /** Compares two Poisson rates by the deviation that their difference has if they are the same. */
  #isLess(lateCount: number, lateSeconds: number): boolean {
    const earlySeconds = this.#seconds - lateSeconds;
    if (!(earlySeconds > 0)) return false;
    const fall = (this.#count - lateCount) / earlySeconds - lateCount / lateSeconds;
    const rate = this.#count / this.#seconds;
    return fall > LESS_DEVIATIONS * Math.sqrt(rate * (1 / earlySeconds + 1 / lateSeconds));
  }
}
