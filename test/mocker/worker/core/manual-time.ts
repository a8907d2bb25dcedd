import { type Clock, TimerQueue } from "#common";

/** A clock that stands still until it is told to go on, and a timer queue over it. */
export class ManualTime {
  nowMs = 0;
  readonly clock: Clock;
  readonly timers: TimerQueue;

  constructor(timeScale = 1) {
    this.clock = {
      timeScale,
      nowMs: () => this.nowMs,
      waitMs: (atMs) => Math.max(0, (atMs - this.nowMs) / timeScale),
      toUnixMs: (atMs) => atMs / timeScale,
      fromUnixMs: (unixMs) => unixMs * timeScale,
    };
    this.timers = new TimerQueue(this.clock, () => ({ arm: () => {}, disarm: () => {}, close: () => {} }));
  }

  /** Wakes up at every deadline until `atMs`, `lateMs` late; stays at `atMs`. */
  advanceTo(atMs: number, lateMs = 0): void {
    while (this.timers.nextMs <= atMs) {
      this.nowMs = Math.max(this.nowMs, this.timers.nextMs + lateMs);
      this.timers.run();
    }
    this.nowMs = Math.max(this.nowMs, atMs);
  }

  /** Until nothing is left to happen. */
  runOut(): void {
    while (this.timers.nextMs < Number.POSITIVE_INFINITY) this.advanceTo(this.timers.nextMs);
  }

  /** Sleeps through everything until `atMs`, then handles what was missed. */
  sleepUntil(atMs: number): void {
    this.nowMs = Math.max(this.nowMs, atMs);
    this.timers.run();
  }
}

/** Promises that have been settled are told. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve();
}
