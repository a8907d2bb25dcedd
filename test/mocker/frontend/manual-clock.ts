import type { Clock } from "#common";

/** A clock that stands still until it is set. Timers, which the machine keeps, follow its time scale. */
export function manualClock(timeScale = 1): Clock & { now: number } {
  return {
    timeScale,
    now: 0,
    nowMs() {
      return this.now;
    },
    waitMs: (atMs) => atMs,
    toUnixMs: (atMs) => 1_700_000_000_000 + atMs / timeScale,
    fromUnixMs: (unixMs) => (unixMs - 1_700_000_000_000) * timeScale,
  };
}
