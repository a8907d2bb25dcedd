/** Samples that a window remembers at most; older ones fall out first. */
const CAPACITY = 2000;
/** Fewer samples than this, and older ones stay in. */
const LEAST = 40;

/**
 * Prompt lengths of the last `windowMs`: what the shape of the traffic is now. Like the default planner's own sample it
 * keeps at least 40 values, however old, and at most 2,000.
 */
export class IslWindow {
  readonly #windowMs: number;
  readonly #lengths = new Float64Array(CAPACITY);
  readonly #times = new Float64Array(CAPACITY);
  #next = 0;
  #count = 0;

  constructor(windowMs: number) {
    this.#windowMs = windowMs;
  }

  add(islTokens: number, nowMs: number): void {
    this.#lengths[this.#next] = islTokens;
    this.#times[this.#next] = nowMs;
    this.#next = (this.#next + 1) % CAPACITY;
    this.#count = Math.min(CAPACITY, this.#count + 1);
  }

  /** The window's lengths, ascending. */
  sorted(nowMs: number): Float64Array {
    let count = 0;
    while (count < this.#count) {
      const at = (this.#next - 1 - count + CAPACITY) % CAPACITY;
      if (count >= LEAST && this.#times[at]! < nowMs - this.#windowMs) break;
      count++;
    }
    const lengths = new Float64Array(count);
    for (let i = 0; i < count; i++) lengths[i] = this.#lengths[(this.#next - 1 - i + CAPACITY) % CAPACITY]!;
    return lengths.sort();
  }
}
