/** Ends of the passes that an engine is sure of: the one under way, and those that must follow it. */
export class Plan {
  #endsMs = new Float64Array(16);
  #startMs = 0;
  count = 0;

  /** A plan of one pass. */
  begin(startMs: number, endMs: number): void {
    this.#startMs = startMs;
    this.#endsMs[0] = endMs;
    this.count = 1;
  }

  add(endMs: number): void {
    if (this.count === this.#endsMs.length) {
      const larger = new Float64Array(this.#endsMs.length * 2);
      larger.set(this.#endsMs);
      this.#endsMs = larger;
    }
    this.#endsMs[this.count++] = endMs;
  }

  endMs(index: number): number {
    return this.#endsMs[index]!;
  }

  get lastEndMs(): number {
    return this.#endsMs[this.count - 1]!;
  }

  durationMs(index: number): number {
    return this.#endsMs[index]! - (index === 0 ? this.#startMs : this.#endsMs[index - 1]!);
  }

  /** Passes that have ended by `nowMs`. */
  passesOver(nowMs: number): number {
    let over = 0;
    while (over < this.count && this.#endsMs[over]! <= nowMs) over++;
    return over;
  }

  /** Gives up the passes that have not begun (`passesBeginFirst`: one that begins exactly now has). */
  cut(nowMs: number, passesBeginFirst: boolean): void {
    let low = 0;
    let high = this.count - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      const endMs = this.#endsMs[middle]!;
      if (endMs > nowMs || (!passesBeginFirst && endMs === nowMs)) high = middle;
      else low = middle + 1;
    }
    this.count = low + 1;
  }
}
