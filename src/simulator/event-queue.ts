/** Order of events at equal times: the lower goes first. */
export const EventPriority = {
  transferDone: 1,
  workerReady: 2,
  fault: 3,
  plannerTick: 4,
  sample: 5,
  closedLoopStart: 6,
  turn: 7,
} as const;

export interface SimulationEvent {
  priority: number;
  /** Request, worker or loop, by kind. */
  subject: number;
}

/**
 * Binary heap on typed arrays with the total order (time, priority, order, sequence number): equal events leave in the
 * order they were scheduled, so a run never depends on anything but its input.
 */
export class EventQueue {
  #timeMs = new Float64Array(64);
  #priority = new Uint8Array(64);
  #sequence = new Float64Array(64);
  #subject = new Int32Array(64);
  #order = new Int32Array(64);
  #size = 0;
  #next = 0;

  get size(): number {
    return this.#size;
  }

  /** Time of the earliest event, Infinity when empty. */
  get nextMs(): number {
    return this.#size === 0 ? Number.POSITIVE_INFINITY : this.#timeMs[0]!;
  }

  get nextPriority(): number {
    return this.#priority[0]!;
  }

  /** @param order among events of the same time and priority the lower goes first */
  push(timeMs: number, priority: number, subject: number, order = 0): void {
    if (this.#size === this.#timeMs.length) this.#enlarge();
    let at = this.#size++;
    this.#timeMs[at] = timeMs;
    this.#priority[at] = priority;
    this.#sequence[at] = this.#next++;
    this.#order[at] = order;
    this.#subject[at] = subject;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.#before(at, parent)) break;
      this.#swap(at, parent);
      at = parent;
    }
  }

  /** Removes the earliest event. */
  pop(): SimulationEvent {
    const event = { priority: this.#priority[0]!, subject: this.#subject[0]! };
    const last = --this.#size;
    this.#swap(0, last);
    let at = 0;
    for (;;) {
      const left = 2 * at + 1;
      if (left >= last) break;
      const right = left + 1;
      const child = right < last && this.#before(right, left) ? right : left;
      if (!this.#before(child, at)) break;
      this.#swap(child, at);
      at = child;
    }
    return event;
  }

  #before(a: number, b: number): boolean {
    const byTime = this.#timeMs[a]! - this.#timeMs[b]!;
    if (byTime !== 0) return byTime < 0;
    const byPriority = this.#priority[a]! - this.#priority[b]!;
    if (byPriority !== 0) return byPriority < 0;
    const byOrder = this.#order[a]! - this.#order[b]!;
    return byOrder !== 0 ? byOrder < 0 : this.#sequence[a]! < this.#sequence[b]!;
  }

  #swap(a: number, b: number): void {
    const timeMs = this.#timeMs[a]!;
    this.#timeMs[a] = this.#timeMs[b]!;
    this.#timeMs[b] = timeMs;
    const priority = this.#priority[a]!;
    this.#priority[a] = this.#priority[b]!;
    this.#priority[b] = priority;
    const sequence = this.#sequence[a]!;
    this.#sequence[a] = this.#sequence[b]!;
    this.#sequence[b] = sequence;
    const subject = this.#subject[a]!;
    this.#subject[a] = this.#subject[b]!;
    this.#subject[b] = subject;
    const order = this.#order[a]!;
    this.#order[a] = this.#order[b]!;
    this.#order[b] = order;
  }

  #enlarge(): void {
    const length = this.#timeMs.length * 2;
    const grow = <T extends Float64Array | Uint8Array | Int32Array>(from: T, to: T): T => {
      to.set(from);
      return to;
    };
    this.#timeMs = grow(this.#timeMs, new Float64Array(length));
    this.#priority = grow(this.#priority, new Uint8Array(length));
    this.#sequence = grow(this.#sequence, new Float64Array(length));
    this.#subject = grow(this.#subject, new Int32Array(length));
    this.#order = grow(this.#order, new Int32Array(length));
  }
}
