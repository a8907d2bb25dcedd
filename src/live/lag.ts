import { type Clock, type Lateness, TimerQueue } from "#common";

/** Real ms between two looks. */
const EVERY_MS = 10;

/** Watches how late a process wakes up, by waking it up now and then. */
export class LagWatch {
  readonly #timers: TimerQueue;
  readonly #stepMs: number;

  constructor(clock: Clock) {
    this.#timers = new TimerQueue(clock);
    this.#stepMs = EVERY_MS * clock.timeScale;
    this.#next(clock.nowMs());
  }

  /** Real ms so far. */
  lateness(): Lateness {
    return this.#timers.lateness();
  }

  close(): void {
    this.#timers.close();
  }

  /** From deadline to deadline, but what a stall has swallowed is not caught up with: it counts as one late wake-up. */
  #next(fromMs: number): void {
    const atMs = Math.max(fromMs, this.#timers.clock.nowMs() - this.#stepMs) + this.#stepMs;
    this.#timers.at(atMs, () => this.#next(atMs));
  }
}
