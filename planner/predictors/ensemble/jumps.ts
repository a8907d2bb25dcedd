/** A miss this many times the usual one (and at least 2 %) is a jump. */
const JUMP = 6;
const SMALLEST_JUMP = 0.02;
/** A jump this many times larger than any before is of a kind that nothing is known about. */
const NOVEL = 2;
/** Forecasts after a jump that are chosen by what was right after earlier jumps. */
const AFTER_JUMP = 2;
const USUAL_FADE = 0.95;

/** Tells a series' jumps from its noise, by how far the forecasts that were made have missed (log losses). */
export class JumpWatch {
  #missSum = 0;
  #missWeight = 0;
  #afterLeft = 0;
  #largest = 0;
  #isNovel = true;

  /** Loss above which a miss is a jump. */
  jumpLoss(): number {
    return Math.max(SMALLEST_JUMP, this.#usual());
  }

  /** Loss that counts at most in quiet times. */
  quietCap(): number {
    return this.#usual() + 1e-6;
  }

  /** Whether the next forecast is one of the first after a jump. */
  get isJustAfter(): boolean {
    return this.#afterLeft > 0;
  }

  /** Whether the last jump was larger by far than all before. */
  get isNovel(): boolean {
    return this.#isNovel;
  }

  /** @param isEarly too few values are known to tell a jump */
  step(miss: number, isEarly: boolean): void {
    const isJump = !isEarly && miss > this.jumpLoss();
    if (this.#afterLeft > 0) this.#afterLeft--;
    if (isJump) {
      this.#afterLeft = AFTER_JUMP;
      this.#isNovel = miss > NOVEL * this.#largest;
      this.#largest = Math.max(this.#largest, miss);
      return;
    }
    this.#missSum = this.#missSum * USUAL_FADE + miss;
    this.#missWeight = this.#missWeight * USUAL_FADE + 1;
  }

  #usual(): number {
    return (JUMP * this.#missSum) / Math.max(1, this.#missWeight);
  }
}
