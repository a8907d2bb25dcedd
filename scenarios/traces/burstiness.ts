import { mean, quantileSorted, standardDeviation } from "#common";

/** How arrivals scatter. */
export interface Burstiness {
  /** Coefficient of variation of the gaps between arrivals; NaN where there are too few, or where times are rounded. */
  gapCv: number;
  /** The same without the slow changes of the rate. */
  localCv: number;
  /** Variance ÷ mean of the counts in whole windows: 1 for Poisson arrivals at an even rate, more the burstier they are. */
  windows: { lengthMs: number; dispersion: number }[];
  /** Width of the buckets that the times are rounded to, ms; 0: they are not. */
  bucketMs: number;
}

const WINDOWS_MS = [1000, 10_000, 60_000];
/** Windows of a length that its dispersion is computed of, at least. */
const FEWEST_WINDOWS = 10;
/** Share of the buckets that must be on their grid, and how far off they may be, ms. */
const MOSTLY = 0.95;
const MOST_JITTER_MS = 5;
/** Gaps that a coefficient is computed of, at least. */
const FEWEST_GAPS = 20;

/** @param times of arrivals, ascending, ms */
export function burstiness(times: Float64Array): Burstiness {
  const bucketMs = bucketWidth(times);
  const exact = bucketMs > 0 ? snapped(times, bucketMs) : times;
  const gaps = times.slice(1).map((atMs, i) => atMs - times[i]!);
  const enough = gaps.length >= FEWEST_GAPS;
  const lastMs = exact.at(-1) ?? 0;
  // Windows of whole buckets, so that all hold as many.
  const lengths = WINDOWS_MS.map((ms) => (bucketMs > 0 ? Math.ceil(ms / bucketMs) * bucketMs : ms));
  return {
    gapCv: enough && bucketMs === 0 ? standardDeviation(gaps) / mean(gaps) : Number.NaN,
    localCv: enough ? (bucketMs === 0 ? localVariation(gaps) : bucketVariation(exact, bucketMs)) : Number.NaN,
    windows: [...new Set(lengths)]
      .filter((lengthMs) => lastMs >= FEWEST_WINDOWS * lengthMs)
      .map((lengthMs) => ({ lengthMs, dispersion: dispersion(wholeWindows(exact, lengthMs, lastMs + bucketMs)) })),
    bucketMs,
  };
}

/** Times of buckets that are a little off, where they should be. */
export function snapped(times: Float64Array, bucketMs: number): Float64Array {
  return times.map((atMs) => Math.round(atMs / bucketMs) * bucketMs);
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

/** Arrivals in windows from 0 to the last arrival, with which the last window may be cut off. */
export function counts(times: Float64Array, lengthMs: number): Int32Array {
  const lastMs = times.at(-1) ?? 0;
  const inWindows = new Int32Array(Math.max(1, Math.ceil((lastMs + 1e-6) / lengthMs)));
  for (const atMs of times) inWindows[Math.min(inWindows.length - 1, Math.floor(atMs / lengthMs))]!++;
  return inWindows;
}

/** Arrivals in the windows that are over by `endMs`. */
function wholeWindows(times: Float64Array, lengthMs: number, endMs: number): Int32Array {
  return counts(times, lengthMs).subarray(0, Math.floor(endMs / lengthMs));
}

function dispersion(inWindows: Int32Array): number {
  return standardDeviation(inWindows) ** 2 / mean(inWindows);
}

/** Times that several requests share, on average, and that are a grid's or within a few ms of it, are rounded to that. */
function bucketWidth(times: Float64Array): number {
  const distinct = times.filter((atMs, i) => atMs !== times[i - 1]);
  if (distinct.length < FEWEST_GAPS || times.length < 2 * distinct.length) return 0;
  const gaps = distinct.slice(1).map((atMs, i) => atMs - distinct[i]!);
  const width = Math.round(quantileSorted(gaps.toSorted(), 0.5));
  if (width <= 1) return 0;
  const near = Math.min(MOST_JITTER_MS, width / 10);
  const off = (gapMs: number) => Math.abs(gapMs - Math.max(1, Math.round(gapMs / width)) * width);
  return gaps.filter((gapMs) => off(gapMs) <= near).length >= MOSTLY * gaps.length ? width : 0;
}
