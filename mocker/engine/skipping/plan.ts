/** Longest plan, in passes: bounds the work thrown away when input interrupts it. */
export const MAX_PLAN = 4096;
/** No plan is kept shorter than this for having been interrupted. */
const MIN_PLAN = 4;

/** Ends of the passes that an engine is sure of: the one under way, and those that must follow it. */
export class Plan {
  /**
   * When the first begins, and then of each pass its end and what it takes (of those after the first), ms, at 2, 3 and on: all in one piece,
   * since with a thousand engines each piece has to be fetched from far away.
   */
  #timesMs: Float64Array = new Float64Array(32);
  #limit = MAX_PLAN;
  count = 0;

  /** Longest plan now: twice what became of the last one that was cut, and more again where none is. How long plans are changes no result. */
  get limit(): number {
    return this.#limit;
  }

  /** A plan of one pass. */
  begin(startMs: number, endMs: number): void {
    this.#timesMs[0] = startMs;
    this.#timesMs[2] = endMs;
    this.count = 1;
  }

  /** One more pass, which takes so long. */
  add(stepMs: number): void {
    const at = 2 * this.count + 2;
    if (at === this.#timesMs.length) this.#timesMs = enlarged(this.#timesMs);
    const times = this.#timesMs;
    times[at] = times[at - 2]! + stepMs;
    times[at + 1] = stepMs;
    this.count++;
  }

  /** The end of a pass that begins at `beginMs`; the first began when the plan did. */
  passEndMs(index: number, beginMs: number): number {
    return index === 0 ? this.#timesMs[2]! : beginMs + this.#timesMs[2 * index + 3]!;
  }

  /** It is its first `count` passes, and they end at these times. */
  lockTo(endsMs: Float64Array, count: number): void {
    this.count = count;
    for (let i = 0; i < count; i++) this.#timesMs[2 * i + 2] = endsMs[i]!;
  }

  endMs(index: number): number {
    return this.#timesMs[2 * index + 2]!;
  }

  get lastEndMs(): number {
    return this.#timesMs[2 * this.count]!;
  }

  durationMs(index: number): number {
    return this.#timesMs[2 * index + 2]! - this.#timesMs[2 * index]!;
  }

  /** Passes that have ended by `nowMs`. */
  passesOver(nowMs: number): number {
    let over = 0;
    while (over < this.count && this.#timesMs[2 * over + 2]! <= nowMs) over++;
    return over;
  }

  /** Gives up the passes that have not begun (`passesBeginFirst`: one that begins exactly now has). */
  cut(nowMs: number, passesBeginFirst: boolean): void {
    // Mostly it has been cut for others of this instant.
    if (this.#hasBegun(this.count - 1, nowMs, passesBeginFirst)) return;
    let low = 0;
    let high = this.count - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#hasBegun(middle + 1, nowMs, passesBeginFirst)) low = middle + 1;
      else high = middle;
    }
    this.#limit = Math.max(MIN_PLAN, 2 * (low + 1));
    this.count = low + 1;
  }

  #hasBegun(index: number, nowMs: number, passesBeginFirst: boolean): boolean {
    if (index === 0) return true;
    const beginMs = this.#timesMs[2 * index]!;
    return beginMs < nowMs || (passesBeginFirst && beginMs === nowMs);
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
