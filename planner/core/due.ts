/** What sums of times lose to rounding, ms. */
const ROUNDING_MS = 1e-6;

/**
 * Whether something that happens every `intervalMs` and last happened at `lastMs` is to happen at `nowMs`. Both are times of ticks (as they are
 * planned): by the clock, ticks are now a little more, now a little less than their interval apart.
 */
export function isDue(nowMs: number, lastMs: number, intervalMs: number): boolean {
  return nowMs - lastMs >= intervalMs - ROUNDING_MS;
}
