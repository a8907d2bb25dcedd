import { stdRng } from "#common";

/** Seed of the arrivals where none is given, and of the prefix groups always (ai-dynamo 1.6.1). */
const DEFAULT_SEED = 42;

/**
 * Poisson arrivals as DynoSim draws them: the first at 0, then gaps of −ln(1 − u) · 1000 / rate with u from Rust's StdRng.
 * @param ratePerS requests per second @returns ms, ascending
 */
export function poissonArrivalsMs(count: number, ratePerS: number, seed = DEFAULT_SEED): Float64Array {
  const random = stdRng(seed);
  const arrivals = new Float64Array(count);
  for (let i = 1; i < count; i++) {
    arrivals[i] = arrivals[i - 1]! + (-Math.log(1 - random.nextDouble()) * 1000) / ratePerS;
  }
  return arrivals;
}

/** Prefix group of each session, uniform in 0 … groups − 1: one draw a session; the seed is fixed in DynoSim. */
export function prefixGroups(sessions: number, groups: number): Int32Array {
  const random = stdRng(DEFAULT_SEED);
  return Int32Array.from({ length: sessions }, () => Math.floor((random.nextU32() * groups) / 2 ** 32));
}

/** Leading prompt blocks that the sessions of a prefix group share: the ratio of all blocks, halves rounded up. */
export function sharedPrefixBlocks(isl: number, blockSize: number, ratio: number): number {
  return Math.floor(Math.ceil(isl / blockSize) * ratio + 0.5);
}
