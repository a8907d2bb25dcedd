import { LatenessMeter, type Timer, type TimerQueue } from "#common";
import type { LiveEngine } from "#mocker/engine";

/**
 * At one instant passes end first (those of the oldest engine before others), then transfers, then input, and passes begin
 * last, as in the simulator.
 */
const END_ORDER = -1;
const ELDERS = 2 ** -20;
export const TRANSFER_ORDER = 1;
export const START_ORDER = 1000;
/** KV has arrived that an engine waits for: as the end of a pass. */
const WAKE_ORDER = 0;

/**
 * A pass begins, on the engine's side, some time after the instant it begins at: input of before that instant may still be on
 * its way through sockets and parsers. That costs nothing as long as it is shorter than the pass, so it is at most this share
 * of the shortest of the last passes.
 */
const SETTLE_SHARE = 0.8;
const RECENT_PASSES = 8;

/** Passes that take no time are run in batches, so long or so many at a time; then the event loop gets its turn. */
const BATCH_MS = 2;
const BATCH_PASSES = 64;

/** What it drives: an engine, or the ranks of one worker in lock step. */
export type Driven = Pick<LiveEngine, "busy" | "hasWork" | "start" | "complete" | "wakeMs"> & {
  stop(nowMs: number): void;
};

export interface DriverHooks {
  /** The engine was called and may have told its listener something. */
  engineCalled(atMs: number): void;
  /** After `engineCalled`. */
  passEnded(startMs: number, endMs: number): void;
}

/**
 * One engine on the wall clock, or ranks in lock step. Every pass begins at the exact end of the one before and ends at the instant the engine
 * computed, however late the process wakes up for it: a late pass is caught up with, later ones are not shifted. Input
 * counts as of its own instant where the engine has not passed it.
 */
export class EngineDriver {
  readonly engine: Driven;
  /** Of the ends of its passes. */
  readonly lateness = new LatenessMeter();
  readonly #timers: TimerQueue;
  readonly #hooks: DriverHooks;
  readonly #endOrder: number;
  /** Where the last pass ended, model ms: nothing can come before it any more. */
  #floorMs = 0;
  /** Where the next pass begins, once all input of that instant is in; NaN where there is nothing to do. */
  #nextMs = Number.NaN;
  #startMs = 0;
  #endMs = Number.NaN;
  /** For the end of the pass, or between passes for the beginning of the next. */
  #timer: Timer | null = null;
  readonly #settleMs: number;
  /** Durations of the last passes, in a ring. */
  readonly #recentMs = new Float64Array(RECENT_PASSES).fill(Number.POSITIVE_INFINITY);
  #passes = 0;
  /** Nothing could begin before KV arrives from host memory. */
  #wake: Timer | null = null;
  /** Input of after the instant at which a pass is going to begin. */
  #held: { atMs: number; deliver: (atMs: number) => void }[] = [];
  /** A batch of passes without duration goes on in the event loop's next turn. */
  #yielding = false;
  #stopped = false;
  #paused = false;

  /** @param settleMs how long input may be on its way, model ms */
  constructor(engine: Driven, timers: TimerQueue, hooks: DriverHooks, settleMs = 0) {
    this.engine = engine;
    this.#settleMs = settleMs;
    this.#timers = timers;
    this.#hooks = hooks;
    this.#endOrder = END_ORDER + timers.seniority() * ELDERS;
  }

  /**
   * Hands input to the engine, as of `atMs` or the earliest later instant that is not past for it; passes that end before
   * that are completed first.
   * @param mayWait between passes, it waits for what is still on its way and comes before it: new requests
   */
  input(atMs: number, deliver: (atMs: number) => void, mayWait = false): void {
    // Within a callback of the queue, now is its deadline, not the clock's time: nothing has happened after it yet.
    const asked = Math.min(atMs, this.#timers.nowMs());
    this.#timers.catchUp(asked);
    if (this.#timer !== null && this.engine.busy && this.#endMs <= asked) {
      // Another engine's pass ended at this very instant, and brought this input about.
      this.#timers.cancel(this.#timer);
      this.#end();
    }
    if (this.engine.busy) {
      this.#deliver(Math.max(asked, this.#startMs), deliver);
      return;
    }
    if (this.#settling() > 0 && (mayWait || asked > this.#nextMs)) {
      this.#held.push({ atMs: asked, deliver });
      this.#startAfter(asked);
      return;
    }
    const nowMs = Math.max(asked, this.#floorMs);
    this.#deliver(nowMs, deliver);
    this.#kick(nowMs);
  }

  /** The pass under way ends, and no other begins until `resume`; input is taken. */
  pause(): void {
    this.#paused = true;
    if (this.engine.busy || this.#timer === null) return;
    this.#timers.cancel(this.#timer);
    this.#timer = null;
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    if (this.#stopped || this.engine.busy) return;
    this.#floorMs = Math.max(this.#floorMs, this.#timers.nowMs());
    if (this.#nextMs < this.#floorMs) this.#nextMs = this.#floorMs;
    this.#kick(this.#floorMs);
  }

  /** Nothing happens any more. */
  stop(): void {
    this.#stopped = true;
    if (this.#timer !== null) this.#timers.cancel(this.#timer);
    this.#timer = null;
    this.#sleep();
    this.engine.stop(this.#timers.nowMs());
    this.#held = [];
  }

  #deliver(atMs: number, deliver: (atMs: number) => void): void {
    deliver(atMs);
    this.#hooks.engineCalled(atMs);
  }

  /** A pass begins at `atMs` where there is anything to do and none is about to begin. */
  #kick(atMs: number): void {
    if (Number.isNaN(this.#nextMs) && this.engine.hasWork()) this.#nextMs = atMs;
    if (!Number.isNaN(this.#nextMs)) this.#startAfter(this.#nextMs);
    else if (this.#held.length > 0) this.#startAfter(this.#held[0]!.atMs);
  }

  /** How long input waits for earlier one, model ms. */
  #settling(): number {
    return this.#settleMs === 0 ? 0 : Math.min(this.#settleMs, SETTLE_SHARE * Math.min(...this.#recentMs));
  }

  #startAfter(atMs: number): void {
    if (this.#stopped || this.#yielding || this.#paused) return;
    const dueMs = atMs + this.#settling();
    if (this.#timer !== null) {
      if (this.#timer.atMs <= dueMs) return;
      this.#timers.cancel(this.#timer);
    }
    this.#timer = this.#timers.at(dueMs, this.#start, START_ORDER);
  }

  readonly #start = (): void => {
    this.#timer = null;
    const held = this.#held.sort((a, b) => a.atMs - b.atMs);
    const atMs = Number.isNaN(this.#nextMs) ? Math.max(this.#floorMs, held[0]?.atMs ?? 0) : this.#nextMs;
    let due = 0;
    while (due < held.length && held[due]!.atMs <= atMs) due++;
    if (due > 0) {
      for (const { deliver } of held.splice(0, due)) this.#deliver(atMs, deliver);
      // What they bring about at this instant comes before the pass.
      this.#kick(atMs);
      return;
    }
    this.#nextMs = Number.NaN;
    if (!this.#begin(atMs)) {
      // Blocked until some input comes.
      this.#floorMs = atMs;
      if (held.length > 0) this.#startAfter(held[0]!.atMs);
      return;
    }
    if (this.#endMs > this.#startMs) this.#timer = this.#timers.at(this.#endMs, this.#end, this.#endOrder);
    else this.#runBatch();
    this.#held = [];
    for (const later of held) this.input(later.atMs, later.deliver);
  };

  readonly #end = (): void => {
    this.#timer = null;
    const { clock } = this.#timers;
    this.lateness.add((clock.nowMs() - this.#endMs) / clock.timeScale);
    this.#complete();
    this.#kick(this.#floorMs);
  };

  /** Whether a pass has begun. */
  #begin(atMs: number): boolean {
    this.#sleep();
    this.#startMs = atMs;
    this.#endMs = this.engine.start(atMs);
    this.#hooks.engineCalled(atMs);
    if (this.engine.busy) return true;
    const { wakeMs } = this.engine;
    if (wakeMs < Number.POSITIVE_INFINITY) {
      this.#wake = this.#timers.at(wakeMs, () => this.#kick(Math.max(wakeMs, this.#floorMs)), WAKE_ORDER);
    }
    return false;
  }

  #sleep(): void {
    if (this.#wake !== null) this.#timers.cancel(this.#wake);
    this.#wake = null;
  }

  #complete(): void {
    this.#floorMs = this.#endMs;
    this.#recentMs[this.#passes++ % RECENT_PASSES] = this.#endMs - this.#startMs;
    this.engine.complete();
    this.#hooks.engineCalled(this.#endMs);
    this.#hooks.passEnded(this.#startMs, this.#endMs);
  }

  /** A pass without duration is under way: completes it and those that follow, as long as they take no time. */
  #runBatch(): void {
    const { clock } = this.#timers;
    const untilMs = clock.nowMs() + BATCH_MS * clock.timeScale;
    for (let passes = 1; ; passes++) {
      this.#complete();
      if (this.#stopped || !this.engine.hasWork()) return;
      if (this.#paused) {
        this.#kick(this.#floorMs);
        return;
      }
      if (passes >= BATCH_PASSES || clock.nowMs() >= untilMs) break;
      if (!this.#begin(this.#floorMs)) return;
      if (this.#endMs > this.#startMs) {
        this.#timer = this.#timers.at(this.#endMs, this.#end, this.#endOrder);
        return;
      }
    }
    this.#yielding = true;
    this.#timers.soon(() => {
      this.#yielding = false;
      this.#floorMs = Math.max(this.#floorMs, clock.nowMs());
      this.#kick(this.#floorMs);
    });
  }
}
