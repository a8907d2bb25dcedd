/**
 * Gaps between tokens on their way to a histogram. Sequences of one batch have the same gap, so that a pass of 500 of them is
 * one observation of weight 500.
 */
export class GapRuns {
  readonly #observe: (seconds: number, weight: number) => void;
  #gapMs = Number.NaN;
  #weight = 0;

  constructor(observe: (seconds: number, weight: number) => void) {
    this.#observe = observe;
  }

  add(gapMs: number): void {
    if (gapMs === this.#gapMs) {
      this.#weight++;
      return;
    }
    this.flush();
    this.#gapMs = gapMs;
    this.#weight = 1;
  }

  /** Before anybody reads the histogram. */
  flush(): void {
    if (this.#weight > 0) this.#observe(this.#gapMs / 1000, this.#weight);
    this.#weight = 0;
    this.#gapMs = Number.NaN;
  }
}
