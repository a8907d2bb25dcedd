/**
 * The time of a live run. Model time is what profiles, scenarios and metrics speak of; it runs `timeScale` times as fast as
 * the wall clock, so that a scenario of ten minutes takes one at a time scale of 10.
 */
export interface Clock {
  readonly timeScale: number;
  /** Model ms since the clock's epoch; never goes back. */
  nowMs(): number;
  /** Real ms to wait until model time `atMs`; 0 where it has come. */
  waitMs(atMs: number): number;
  /** The wall clock's time (Unix epoch, ms) at model time `atMs`, and back: how processes tell each other an instant. */
  toUnixMs(atMs: number): number;
  fromUnixMs(unixMs: number): number;
}

/**
 * A clock over the system's monotonic one. Processes that are given the same epoch agree on model time as far as their
 * machines' clocks agree.
 * @param timeScale model ms per real ms, > 0
 * @param epochUnixMs where model time is 0; the default is now
 */
export function wallClock(timeScale = 1, epochUnixMs = performance.timeOrigin + performance.now()): Clock {
  const epochMs = epochUnixMs - performance.timeOrigin;
  return {
    timeScale,
    nowMs: () => (performance.now() - epochMs) * timeScale,
    waitMs: (atMs) => Math.max(0, atMs / timeScale + epochMs - performance.now()),
    toUnixMs: (atMs) => atMs / timeScale + epochUnixMs,
    fromUnixMs: (unixMs) => (unixMs - epochUnixMs) * timeScale,
  };
}
