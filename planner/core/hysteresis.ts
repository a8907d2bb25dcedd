/** What to do about one role. */
export interface Step {
  target: number;
  code: "scale-up" | "scale-down" | "scale-down-waits" | "hold";
  /** How long a smaller number has been enough, ms. */
  lowerForMs: number;
}

/**
 * Up at once, down late: fewer workers must have been enough for a while, and then the most that was needed in that while
 * remains. State of one role.
 */
export class AsymmetricHysteresis {
  readonly #delayMs: number;
  #lowerSinceMs: number | null = null;
  #mostNeeded = 0;

  constructor(delayMs: number) {
    this.#delayMs = delayMs;
  }

  /** @param current active + starting @param needUp workers for the upper forecast @param needDown workers that suffice */
  step(nowMs: number, current: number, needUp: number, needDown: number): Step {
    if (needUp > current) {
      this.reset();
      return { target: needUp, code: "scale-up", lowerForMs: 0 };
    }
    if (needDown >= current) {
      this.reset();
      return { target: current, code: "hold", lowerForMs: 0 };
    }
    this.#lowerSinceMs ??= nowMs;
    this.#mostNeeded = Math.max(this.#mostNeeded, needDown);
    const lowerForMs = nowMs - this.#lowerSinceMs;
    if (lowerForMs < this.#delayMs) return { target: current, code: "scale-down-waits", lowerForMs };
    const target = this.#mostNeeded;
    this.reset();
    return { target, code: "scale-down", lowerForMs };
  }

  /** Forgets how long less was enough: called where data is missing, for its absence proves nothing. */
  reset(): void {
    this.#lowerSinceMs = null;
    this.#mostNeeded = 0;
  }
}
