/** Longest plan, in passes: bounds the work thrown away when input interrupts it. */
export const MAX_PLAN = 4096;
/** No plan is kept shorter than this for having been interrupted. */
const MIN_PLAN = 4;

/** Ends of the passes that an engine is sure of: the one under way, and those that must follow it. */
export class Plan {
  #endsMs: Float64Array = new Float64Array(16);
  /** What each pass after the first takes, ms. */
  #stepsMs: Float64Array = new Float64Array(16);
  #startMs = 0;
  #limit = MAX_PLAN;
  count = 0;

  /** Longest plan now: twice what became of the last one that was cut, and more again where none is. How long plans are changes no result. */
  get limit(): number {
    return this.#limit;
  }

  /** A plan of one pass. */
  begin(startMs: number, endMs: number): void {
    this.#startMs = startMs;
    this.#endsMs[0] = endMs;
    this.count = 1;
  }

  /** One more pass, which takes so long. */
  add(stepMs: number): void {
    if (this.count === this.#endsMs.length) {
      this.#endsMs = enlarged(this.#endsMs);
      this.#stepsMs = enlarged(this.#stepsMs);
    }
    this.#stepsMs[this.count] = stepMs;
    this.#endsMs[this.count] = this.#endsMs[this.count - 1]! + stepMs;
    this.count++;
  }

  /** The end of a pass that begins at `beginMs`; the first began when the plan did. */
  passEndMs(index: number, beginMs: number): number {
    return index === 0 ? this.#endsMs[0]! : beginMs + this.#stepsMs[index]!;
  }

  /** It is its first `count` passes, and they end at these times. */
  lockTo(endsMs: Float64Array, count: number): void {
    this.count = count;
    for (let i = 0; i < count; i++) this.#endsMs[i] = endsMs[i]!;
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
    if (low + 1 < this.count) this.#limit = Math.max(MIN_PLAN, 2 * (low + 1));
    this.count = low + 1;
  }

  /** Its passes have ended; how many there were. */
  end(): number {
    const { count } = this;
    if (count >= this.#limit) this.#limit = Math.min(MAX_PLAN, 2 * this.#limit);
    this.count = 0;
    return count;
  }
}

function enlarged(values: Float64Array): Float64Array {
  const larger = new Float64Array(values.length * 2);
  larger.set(values);
  return larger;
}
