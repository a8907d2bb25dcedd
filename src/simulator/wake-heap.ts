/** The next wake-up of every engine: an indexed binary heap ordered by (time, engine), so that wake-ups can be moved. */
export class WakeHeap {
  #timeMs: Float64Array;
  #heap: Int32Array;
  /** Place of an engine in the heap, −1 where it sleeps. */
  #place: Int32Array;
  #size = 0;

  constructor(engines: number) {
    this.#timeMs = new Float64Array(engines);
    this.#heap = new Int32Array(engines);
    this.#place = new Int32Array(engines).fill(-1);
  }

  /** Time of the earliest wake-up, Infinity when all sleep. */
  get nextMs(): number {
    return this.#size === 0 ? Number.POSITIVE_INFINITY : this.#timeMs[this.#heap[0]!]!;
  }

  get nextEngine(): number {
    return this.#heap[0]!;
  }

  set(engine: number, timeMs: number): void {
    if (engine >= this.#timeMs.length) this.#enlarge(engine + 1);
    let at = this.#place[engine]!;
    // Most input changes nothing of what an engine has begun.
    if (at >= 0 && this.#timeMs[engine] === timeMs) return;
    this.#timeMs[engine] = timeMs;
    if (at < 0) {
      at = this.#size++;
      this.#heap[at] = engine;
      this.#place[engine] = at;
    }
    this.#up(at);
    this.#down(this.#place[engine]!);
  }

  remove(engine: number): void {
    const at = this.#place[engine] ?? -1;
    if (at < 0) return;
    const last = --this.#size;
    const moved = this.#heap[last]!;
    this.#place[engine] = -1;
    if (at === last) return;
    this.#heap[at] = moved;
    this.#place[moved] = at;
    this.#up(at);
    this.#down(this.#place[moved]!);
  }

  #before(a: number, b: number): boolean {
    const byTime = this.#timeMs[a]! - this.#timeMs[b]!;
    return byTime !== 0 ? byTime < 0 : a < b;
  }

  #up(start: number): void {
    let at = start;
    const engine = this.#heap[at]!;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const other = this.#heap[parent]!;
      if (!this.#before(engine, other)) break;
      this.#heap[at] = other;
      this.#place[other] = at;
      at = parent;
    }
    this.#heap[at] = engine;
    this.#place[engine] = at;
  }

  #down(start: number): void {
    let at = start;
    const engine = this.#heap[at]!;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= this.#size) break;
      if (child + 1 < this.#size && this.#before(this.#heap[child + 1]!, this.#heap[child]!)) child++;
      const other = this.#heap[child]!;
      if (!this.#before(other, engine)) break;
      this.#heap[at] = other;
      this.#place[other] = at;
      at = child;
    }
    this.#heap[at] = engine;
    this.#place[engine] = at;
  }

  #enlarge(least: number): void {
    const length = Math.max(least, this.#timeMs.length * 2, 8);
    const timeMs = new Float64Array(length);
    const heap = new Int32Array(length);
    const place = new Int32Array(length).fill(-1);
    timeMs.set(this.#timeMs);
    heap.set(this.#heap);
    place.set(this.#place);
    this.#timeMs = timeMs;
    this.#heap = heap;
    this.#place = place;
  }
}
