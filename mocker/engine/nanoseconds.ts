/**
 * Whole nanoseconds, the grain of simulated time. Sums of passes are then exact, and two implementations that count the
 * same passes agree to the bit.
 */

const PER_SECOND = 1e9;
/** Veltkamp's constant for splitting a double into two halves of 26 bits (Dekker 1971). */
const SPLITTER = 2 ** 27 + 1;
/** From here on a double has no fractional part. */
const INTEGERS_ONLY = 2 ** 52;

/**
 * Nearest whole nanoseconds of a duration in ms: seconds = ms / 1000 as a double, and the nearest ns is judged on the exact
 * value of that double, ties to even.
 */
export function nanoseconds(ms: number): number {
  return secondsToNanoseconds(ms / 1000);
}

/** Nearest whole nanoseconds of the exact value of `seconds` (≥ 0), ties to even. */
export function secondsToNanoseconds(seconds: number): number {
  const product = seconds * PER_SECOND;
  if (!(product < INTEGERS_ONLY)) return product;
  const below = Math.floor(product);
  const fraction = product - below;
  // The product is off by half a unit in its last place at most: only next to .5 can that matter.
  const doubt = product * 2 ** -52;
  if (fraction < 0.5 - doubt) return below;
  if (fraction > 0.5 + doubt) return below + 1;
  const error = productError(seconds, product);
  const aboveHalf = fraction - 0.5 + error;
  if (aboveHalf === 0) return below % 2 === 0 ? below : below + 1;
  return aboveHalf < 0 ? below : below + 1;
}

/** What `product = fl(seconds × 1e9)` lacks to the exact product (Dekker 1971); 1e9 has 21 significant bits, so only `seconds` is split. */
function productError(seconds: number, product: number): number {
  const big = seconds * SPLITTER;
  const high = big - (big - seconds);
  const low = seconds - high;
  return high * PER_SECOND - product + low * PER_SECOND;
}

/**
 * Whole nanoseconds of a pass of `ms` run `speedup` times as fast.
 * @param speedup divisor of the duration; 0: the pass takes no time, 1: as modelled
 * @param doubleRounding round to ns before the division as well as after it, as DynoSim 1.6.1 does
 */
export function passNanoseconds(ms: number, speedup: number, doubleRounding: boolean): number {
  if (speedup === 1) return secondsToNanoseconds(ms / 1000);
  if (speedup === 0) return 0;
  if (!doubleRounding) return secondsToNanoseconds(ms / 1000 / speedup);
  return secondsToNanoseconds(secondsToNanoseconds(ms / 1000) / PER_SECOND / speedup);
}

/** Milliseconds of whole nanoseconds by way of seconds: the order of operations decides the last bit. */
export function nanosecondsToMs(ns: number): number {
  return (ns / PER_SECOND) * 1000;
}
