import type { Clock } from "./clock.ts";
import { type Lateness, LatenessMeter } from "./lateness.ts";
import { threadWaker, type Waker, type WakerFactory } from "./waker.ts";

/** Real ms of callbacks after which the event loop gets a turn. */
const ROUND_MS = 4;

/** A callback that is to come. */
export interface Timer {
  readonly atMs: number;
  readonly order: number;
}

interface QueuedTimer extends Timer {
  readonly sequence: number;
  readonly callback: (atMs: number) => void;
  /** Index in the heap, −1 outside. */
  place: number;
}

/**
 * All that is to happen in a process, by model time: one underlying timer, callbacks in order of deadline, `order` and
 * insertion, never early. What comes late comes in the same order, and callbacks are told the deadline, not the time.
 * Nothing is kept alive by a queue without timers.
 */
export class TimerQueue {
  readonly clock: Clock;
  readonly #waker: Waker;
  readonly #heap: QueuedTimer[] = [];
  readonly #meter = new LatenessMeter();
  #soon: (() => void)[] = [];
  #sequence = 0;
  #members = 0;
  /** Deadline of the callback that runs, NaN outside of one. */
  #currentMs = Number.NaN;
  #armedMs = Number.NaN;
  #immediate = false;
  #closed = false;

  /** @param waker what wakes the process up */
  constructor(clock: Clock, waker: WakerFactory = threadWaker) {
    this.clock = clock;
    this.#waker = waker(() => {
      this.#armedMs = Number.NaN;
      this.run();
    });
  }

  /** The next deadline, model ms; Infinity where there is none. */
  get nextMs(): number {
    return this.#heap.length === 0 ? Number.POSITIVE_INFINITY : this.#heap[0]!.atMs;
  }

  /** 0 for the first who asks, then 1, 2, …: who wants to give way to elders at the same deadline makes an `order` of it. */
  seniority(): number {
    return this.#members++;
  }

  /** Model time as callbacks have it: within one its deadline, however late it came; else the clock's. */
  nowMs(): number {
    return this.#isRunning ? this.#currentMs : this.clock.nowMs();
  }

  /**
   * Calls back at model time `atMs`, or as soon as may be where that has passed, but never from within this call.
   * @param order who comes first at the same deadline: the lower
   */
  at(atMs: number, callback: (atMs: number) => void, order = 0): Timer {
    const timer: QueuedTimer = { atMs, order, sequence: this.#sequence++, callback, place: -1 };
    this.#insert(timer);
    if (!this.#isRunning && timer.place === 0) this.#arm();
    return timer;
  }

  /** Does nothing where it has come already. */
  cancel(timer: Timer): void {
    const queued = timer as QueuedTimer;
    if (queued.place >= 0) this.#remove(queued.place);
  }

  /** Calls back in the event loop's next turn, after its input was handled. */
  soon(callback: () => void): void {
    this.#soon.push(callback);
    this.#nextTurn();
  }

  /** Runs what is due by now, for a bounded time; the rest follows when the event loop has had its turn. */
  run(): void {
    if (this.#isRunning || this.#closed) return;
    const { clock } = this;
    let nowMs = clock.nowMs();
    const endMs = nowMs + ROUND_MS * clock.timeScale;
    try {
      for (let timer = this.#heap[0]; timer !== undefined && timer.atMs <= nowMs; timer = this.#heap[0]) {
        this.#call(timer, nowMs);
        nowMs = clock.nowMs();
        if (nowMs > endMs) break;
      }
    } finally {
      this.#currentMs = Number.NaN;
      this.#arm();
    }
  }

  /**
   * Before input that counts as of `atMs` is delivered: runs what was due before it (and at it, in order 0 or below). Does
   * nothing within a callback, where all of that has happened.
   */
  catchUp(atMs: number): void {
    if (this.#isRunning || this.#closed) return;
    try {
      for (let timer = this.#heap[0]; timer !== undefined; timer = this.#heap[0]) {
        if (timer.atMs > atMs || (timer.atMs === atMs && timer.order > 0)) break;
        this.#call(timer, this.clock.nowMs());
      }
    } finally {
      this.#currentMs = Number.NaN;
      this.#arm();
    }
  }

  /** How late callbacks came so far, real ms. */
  lateness(): Lateness {
    return this.#meter.read();
  }

  /** Nothing is called any more. */
  close(): void {
    this.#closed = true;
    this.#soon = [];
    for (const timer of this.#heap) timer.place = -1;
    this.#heap.length = 0;
    this.#waker.close();
  }

  get #isRunning(): boolean {
    return !Number.isNaN(this.#currentMs);
  }

  #call(timer: QueuedTimer, nowMs: number): void {
    this.#meter.add((nowMs - timer.atMs) / this.clock.timeScale);
    this.#remove(0);
    this.#currentMs = timer.atMs;
    timer.callback(timer.atMs);
  }

  #arm(): void {
    if (this.#closed) return;
    const next = this.#heap[0];
    if (next === undefined) {
      if (!Number.isNaN(this.#armedMs)) this.#waker.disarm();
      this.#armedMs = Number.NaN;
      return;
    }
    if (next.atMs === this.#armedMs) return;
    this.#armedMs = next.atMs;
    this.#waker.arm(this.clock.waitMs(next.atMs));
  }

  #nextTurn(): void {
    if (this.#immediate) return;
    this.#immediate = true;
    setImmediate(() => {
      this.#immediate = false;
      const callbacks = this.#soon;
      this.#soon = [];
      for (const callback of callbacks) callback();
    });
  }

  // ── a binary heap whose timers know their places ────────────────────────────────────────────────────────────────

  #insert(timer: QueuedTimer): void {
    const place = this.#heap.length;
    this.#heap.push(timer);
    this.#up(timer, place);
  }

  #remove(place: number): void {
    const heap = this.#heap;
    heap[place]!.place = -1;
    const last = heap.pop()!;
    if (place === heap.length) return;
    const parent = heap[(place - 1) >> 1];
    if (place > 0 && isBefore(last, parent!)) this.#up(last, place);
    else this.#down(last, place);
  }

  #up(timer: QueuedTimer, from: number): void {
    const heap = this.#heap;
    let place = from;
    while (place > 0) {
      const parentPlace = (place - 1) >> 1;
      const parent = heap[parentPlace]!;
      if (!isBefore(timer, parent)) break;
      heap[place] = parent;
      parent.place = place;
      place = parentPlace;
    }
    heap[place] = timer;
    timer.place = place;
  }

  #down(timer: QueuedTimer, from: number): void {
    const heap = this.#heap;
    let place = from;
    for (;;) {
      let childPlace = 2 * place + 1;
      if (childPlace >= heap.length) break;
      if (childPlace + 1 < heap.length && isBefore(heap[childPlace + 1]!, heap[childPlace]!)) childPlace++;
      const child = heap[childPlace]!;
      if (!isBefore(child, timer)) break;
      heap[place] = child;
      child.place = place;
      place = childPlace;
    }
    heap[place] = timer;
    timer.place = place;
  }
}

function isBefore(a: QueuedTimer, b: QueuedTimer): boolean {
  if (a.atMs !== b.atMs) return a.atMs < b.atMs;
  if (a.order !== b.order) return a.order < b.order;
  return a.sequence < b.sequence;
}
