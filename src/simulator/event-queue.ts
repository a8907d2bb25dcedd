/** Order of events at equal times: the lower goes first. */
export const EventPriority = {
  transferDone: 1,
  workerReady: 2,
  fault: 3,
  plannerTick: 4,
  sample: 5,
  closedLoopStart: 6,
  turn: 7,
  /** After the arrivals of the instant, too. */
  latePlannerTick: 8,
} as const;

/**
 * Binary heap with the total order (time, priority, order, sequence number): equal events leave in the order they were scheduled, so a run never
 * depends on anything but its input. Events stay at their places in typed arrays; only the numbers of the places move.
 */
export class EventQueue {
  #timeMs = new Float64Array(64);
  #priority = new Uint8Array(64);
  #sequence = new Float64Array(64);
  #subject = new Int32Array(64);
  #order = new Int32Array(64);
  /** Places as a heap, and behind it those that are free. */
  #heap = Int32Array.from({ length: 64 }, (_, place) => place);
  #size = 0;
  #next = 0;

  get size(): number {
    return this.#size;
  }

  /** Time of the earliest event, Infinity when empty. */
  get nextMs(): number {
    return this.#size === 0 ? Number.POSITIVE_INFINITY : this.#timeMs[this.#heap[0]!]!;
  }

  /** Priority of the earliest event. */
  get nextPriority(): number {
    return this.#priority[this.#heap[0]!]!;
  }

  /**
   * @param subject request, worker or loop, by kind
   * @param order among events of the same time and priority the lower goes first
   */
  push(timeMs: number, priority: number, subject: number, order = 0): void {
    if (this.#size === this.#heap.length) this.#enlarge();
    const heap = this.#heap;
    let at = this.#size++;
    const place = heap[at]!;
    this.#timeMs[place] = timeMs;
    this.#priority[place] = priority;
    this.#sequence[place] = this.#next++;
    this.#order[place] = order;
    this.#subject[place] = subject;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.#before(place, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = place;
  }

  /** Removes the earliest event; its subject. */
  pop(): number {
    const heap = this.#heap;
    const popped = heap[0]!;
    const last = --this.#size;
    const moved = heap[last]!;
    heap[last] = popped;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= last) break;
      if (child + 1 < last && this.#before(heap[child + 1]!, heap[child]!)) child++;
      if (!this.#before(heap[child]!, moved)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    if (last > 0) heap[at] = moved;
    return this.#subject[popped]!;
  }

  #before(a: number, b: number): boolean {
    const byTime = this.#timeMs[a]! - this.#timeMs[b]!;
    if (byTime !== 0) return byTime < 0;
    const byPriority = this.#priority[a]! - this.#priority[b]!;
    if (byPriority !== 0) return byPriority < 0;
    const byOrder = this.#order[a]! - this.#order[b]!;
    return byOrder !== 0 ? byOrder < 0 : this.#sequence[a]! < this.#sequence[b]!;
  }

  #enlarge(): void {
    const before = this.#heap.length;
    const length = before * 2;
    const grow = <T extends Float64Array | Uint8Array | Int32Array>(from: T, to: T): T => {
      to.set(from);
      return to;
    };
    this.#timeMs = grow(this.#timeMs, new Float64Array(length));
    this.#priority = grow(this.#priority, new Uint8Array(length));
    this.#sequence = grow(this.#sequence, new Float64Array(length));
    this.#subject = grow(this.#subject, new Int32Array(length));
    this.#order = grow(this.#order, new Int32Array(length));
    this.#heap = grow(this.#heap, new Int32Array(length));
    for (let place = before; place < length; place++) this.#heap[place] = place;
  }
}
