import { LatenessMeter, type Timer, type TimerQueue } from "#common";
import type { SteppingEngine } from "#mocker/engine";

/**
 * At one instant passes end first (those of the oldest engine before others), then transfers, then input, and passes begin
 * last, as in the simulator.
 */
const END_ORDER = -1;
const ELDERS = 2 ** -20;
export const TRANSFER_ORDER = 1;
export const START_ORDER = 1000;

/** Passes that take no time are run in batches, so long or so many at a time; then the event loop gets its turn. */
const BATCH_MS = 2;
const BATCH_PASSES = 64;

export interface DriverHooks {
  /** The engine was called and may have told its listener something. */
  engineCalled(atMs: number): void;
  /** After `engineCalled`. */
  passEnded(startMs: number, endMs: number): void;
}

/**
 * One engine on the wall clock. Every pass begins at the exact end of the one before and ends at the instant the engine
 * computed, however late the process wakes up for it: a late pass is caught up with, later ones are not shifted. Input
 * counts as of its own instant where the engine has not passed it.
 */
export class EngineDriver {
  readonly engine: SteppingEngine;
  /** Of the ends of its passes. */
  readonly lateness = new LatenessMeter();
  readonly #timers: TimerQueue;
  readonly #hooks: DriverHooks;
  readonly #endOrder: number;
  /** The instant the engine has come to, model ms. */
  #atMs = 0;
  #startMs = 0;
  #endMs = Number.NaN;
  #timer: Timer | null = null;
  /** A batch of passes without duration goes on in the event loop's next turn. */
  #yielding = false;
  #stopped = false;

  constructor(engine: SteppingEngine, timers: TimerQueue, hooks: DriverHooks) {
    this.engine = engine;
    this.#timers = timers;
    this.#hooks = hooks;
    this.#endOrder = END_ORDER + timers.seniority() * ELDERS;
  }

  /**
   * Hands input to the engine, as of `atMs` or the earliest later instant that is not past for it; passes that end before
   * that are completed first.
   * @returns what `deliver` returned
   */
  input<T>(atMs: number, deliver: (engine: SteppingEngine, atMs: number) => T): T {
    // Within a callback of the queue, now is its deadline, not the clock's time: nothing has happened after it yet.
    const asked = Math.min(atMs, this.#timers.nowMs());
    this.#timers.catchUp(asked);
    if (this.#timer !== null && this.engine.busy && this.#endMs <= asked) {
      // Another engine's pass ended at this very instant, and brought this input about.
      this.#timers.cancel(this.#timer);
      this.#end();
    }
    const nowMs = Math.max(asked, this.engine.busy ? this.#startMs : this.#atMs);
    if (!this.engine.busy) this.#atMs = nowMs;
    const result = deliver(this.engine, nowMs);
    this.#hooks.engineCalled(nowMs);
    this.#kick();
    return result;
  }

  /** Nothing happens any more. */
  stop(): void {
    this.#stopped = true;
    if (this.#timer !== null) this.#timers.cancel(this.#timer);
    this.#timer = null;
    this.engine.stop();
  }

  /** Sees to it that a pass begins once all input of this instant is in. */
  #kick(): void {
    if (this.#stopped || this.#yielding || this.#timer !== null || !this.engine.hasWork()) return;
    this.#timer = this.#timers.at(this.#atMs, this.#start, START_ORDER);
  }

  readonly #start = (): void => {
    this.#timer = null;
    if (!this.#begin(this.#atMs)) return;
    if (this.#endMs > this.#startMs) this.#timer = this.#timers.at(this.#endMs, this.#end, this.#endOrder);
    else this.#runBatch();
  };

  readonly #end = (): void => {
    this.#timer = null;
    const { clock } = this.#timers;
    this.lateness.add((clock.nowMs() - this.#endMs) / clock.timeScale);
    this.#complete();
    this.#kick();
  };

  /** Whether a pass has begun. */
  #begin(atMs: number): boolean {
    this.#startMs = atMs;
    this.#endMs = this.engine.start(atMs);
    this.#hooks.engineCalled(atMs);
    return this.engine.busy;
  }

  #complete(): void {
    this.#atMs = this.#endMs;
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
      if (passes >= BATCH_PASSES || clock.nowMs() >= untilMs) break;
      if (!this.#begin(this.#atMs)) return;
      if (this.#endMs > this.#startMs) {
        this.#timer = this.#timers.at(this.#endMs, this.#end, this.#endOrder);
        return;
      }
    }
    this.#yielding = true;
    this.#timers.soon(() => {
      this.#yielding = false;
      this.#atMs = Math.max(this.#atMs, clock.nowMs());
      if (!this.#stopped && this.engine.hasWork() && this.#timer === null) this.#start();
    });
  }
}
