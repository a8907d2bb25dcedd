import { mean, standardDeviation } from "#common";

/** How arrivals scatter. */
export interface Burstiness {
  /** Coefficient of variation of the gaps between arrivals; NaN where there are too few, or where times are rounded. */
  gapCv: number;
  /** The same without the slow changes of the rate. */
  localCv: number;
  /** Variance ÷ mean of the counts in windows: 1 for Poisson arrivals at an even rate, more the burstier they are. */
  windows: { lengthMs: number; dispersion: number }[];
  /** Width of the buckets that the times are rounded to, ms; 0: they are not. */
  bucketMs: number;
}

const WINDOWS_MS = [1000, 10_000, 60_000];
/** Windows of a length that its dispersion is computed of, at least. */
const FEWEST_WINDOWS = 10;
/** Gaps that a coefficient is computed of, at least. */
const FEWEST_GAPS = 20;

/** @param times of arrivals, ascending, ms */
export function burstiness(times: Float64Array): Burstiness {
  const bucketMs = bucketWidth(times);
  const gaps = times.slice(1).map((atMs, i) => atMs - times[i]!);
  const enough = gaps.length >= FEWEST_GAPS;
  const lastMs = times.at(-1) ?? 0;
  return {
    gapCv: enough && bucketMs === 0 ? standardDeviation(gaps) / mean(gaps) : Number.NaN,
    localCv: enough ? (bucketMs === 0 ? localVariation(gaps) : bucketVariation(times, bucketMs)) : Number.NaN,
    windows: WINDOWS_MS.filter((lengthMs) => lastMs >= FEWEST_WINDOWS * lengthMs && lengthMs > bucketMs).map(
      (lengthMs) => ({ lengthMs, dispersion: dispersion(counts(times, lengthMs)) }),
    ),
    bucketMs,
  };
}

/**
 * Shinomoto's local variation, Lv = 3/(n−1) Σ ((a−b)/(a+b))² over neighbouring gaps: for gamma gaps of shape k it is 3/(2k+1)
 * whatever the rate does meanwhile (Shinomoto, Shima, Tanji: Differences in spiking patterns among cortical neurons, 2003).
 * @returns the coefficient of variation 1/√k of that gamma process
 */
function localVariation(gaps: Float64Array): number {
  let sum = 0;
  let pairs = 0;
  for (let i = 1; i < gaps.length; i++) {
    const both = gaps[i]! + gaps[i - 1]!;
    if (both === 0) continue;
    sum += ((gaps[i]! - gaps[i - 1]!) / both) ** 2;
    pairs++;
  }
  if (pairs === 0 || sum === 0) return 0;
  const shape = (pairs / sum - 1) / 2;
  return 1 / Math.sqrt(Math.max(shape, 1 / 400));
}

/** From the counts of neighbouring buckets: E (a−b)²/(a+b) is their dispersion, which tends to the square of the coefficient. */
function bucketVariation(times: Float64Array, bucketMs: number): number {
  const inBuckets = counts(times, bucketMs);
  let sum = 0;
  let pairs = 0;
  for (let i = 1; i < inBuckets.length; i++) {
    const both = inBuckets[i]! + inBuckets[i - 1]!;
    if (both === 0) continue;
    sum += (inBuckets[i]! - inBuckets[i - 1]!) ** 2 / both;
    pairs++;
  }
  return pairs === 0 ? 1 : Math.sqrt(sum / pairs);
}

/** Arrivals in whole windows from 0 to the last arrival. */
export function counts(times: Float64Array, lengthMs: number): Int32Array {
  const lastMs = times.at(-1) ?? 0;
  const inWindows = new Int32Array(Math.max(1, Math.ceil((lastMs + 1e-6) / lengthMs)));
  for (const atMs of times) inWindows[Math.min(inWindows.length - 1, Math.floor(atMs / lengthMs))]!++;
  return inWindows;
}

function dispersion(inWindows: Int32Array): number {
  return standardDeviation(inWindows) ** 2 / mean(inWindows);
}

/** Times on a grid that several share on average are rounded to it. */
function bucketWidth(times: Float64Array): number {
  const firstMs = times[0] ?? 0;
  let grid = 0;
  let distinct = 0;
  for (let i = 0; i < times.length; i++) {
    const atMs = times[i]! - firstMs;
    if (!Number.isInteger(atMs)) return 0;
    if (i > 0 && times[i] !== times[i - 1]) distinct++;
    grid = gcd(atMs, grid);
  }
  return grid > 1 && times.length >= 2 * distinct ? grid : 0;
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b);
}
