/** When a probe's answers count, as Kubernetes has it. */
export interface ProbeThresholds {
  failureThreshold: number;
  successThreshold: number;
}

/** The answers of a probe so far: its verdict changes after so many of the other kind in a row. */
export class ProbeWindow {
  readonly #thresholds: ProbeThresholds;
  #passes: boolean | null = null;
  #others = 0;

  constructor(thresholds: ProbeThresholds) {
    this.#thresholds = thresholds;
  }

  /** Null until there is a verdict. */
  get passes(): boolean | null {
    return this.#passes;
  }

  /** Takes an answer in, and gives the verdict. */
  answered(isGood: boolean): boolean | null {
    if (isGood === this.#passes) {
      this.#others = 0;
      return this.#passes;
    }
    // Without a verdict, a failure among successes begins the count anew.
    if (this.#passes === null && this.#last !== isGood) this.#others = 0;
    this.#last = isGood;
    this.#others++;
    const { successThreshold, failureThreshold } = this.#thresholds;
    if (this.#others >= (isGood ? successThreshold : failureThreshold)) {
      this.#passes = isGood;
      this.#others = 0;
    }
    return this.#passes;
  }

  #last: boolean | null = null;
}
