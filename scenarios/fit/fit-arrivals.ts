import { burstiness, counts, snapped } from "../traces/burstiness.ts";
import type { Arrivals, RateShape } from "../traffic.ts";

/** Arrivals that the rate of a window is estimated from, on average. */
const PER_WINDOW = 60;
const MOST_WINDOWS = 480;
/** Coefficients of variation that mean even spacing, and Poisson arrivals. */
const EVEN = 0.05;
const POISSON: readonly [number, number] = [0.93, 1.07];

export interface FittedArrivals {
  rate: RateShape;
  arrivals: Arrivals;
  durationMs: number;
}

/**
 * The rate over time as steps, and how arrivals scatter around it. Neighbouring windows become one step as long as their counts differ
 * by no more than such arrivals do by chance. @param asRead ascending, ms, from 0
 */
export function fitArrivals(asRead: Float64Array): FittedArrivals {
  const { localCv, bucketMs } = burstiness(asRead);
  const times = bucketMs > 0 ? snapped(asRead, bucketMs) : asRead;
  const lastMs = times.at(-1) ?? 0;
  const cv = Number.isNaN(localCv) ? 1 : Math.min(20, localCv);
  // The process goes on after its last arrival for about half a gap; a bucket holds what came until its end.
  const durationMs = Math.max(
    1,
    Math.round(lastMs + (bucketMs > 0 ? bucketMs : lastMs / (2 * Math.max(1, times.length - 1)))),
  );
  const windows = Math.max(1, Math.min(MOST_WINDOWS, Math.floor(times.length / (PER_WINDOW * Math.max(1, cv ** 2)))));
  const exactMs = durationMs / windows;
  const windowMs = bucketMs > 0 ? Math.max(1, Math.round(exactMs / bucketMs)) * bucketMs : exactMs;
  const steps = merged(counts(times, windowMs), windowMs, durationMs, cv);
  return {
    rate:
      steps.length === 1
        ? { kind: "constant", rate: rounded(steps[0]!.rate) }
        : { kind: "steps", steps: steps.map(({ atMs, rate }) => ({ atMs: Math.round(atMs), rate: rounded(rate) })) },
    arrivals: scatter(cv),
    durationMs,
  };
}

function scatter(cv: number): Arrivals {
  if (cv < EVEN) return { kind: "constant" };
  return cv > POISSON[0] && cv < POISSON[1] ? { kind: "poisson" } : { kind: "gamma", cv: rounded(cv) };
}

interface Step {
  atMs: number;
  lengthMs: number;
  count: number;
}

/** From the pair that differs least to those that differ too much to be one. */
function merged(
  inWindows: Int32Array,
  windowMs: number,
  durationMs: number,
  cv: number,
): { atMs: number; rate: number }[] {
  const steps: Step[] = Array.from(inWindows, (count, i) => ({
    atMs: i * windowMs,
    lengthMs: Math.min(windowMs, durationMs - i * windowMs),
    count,
  })).filter(({ lengthMs }) => lengthMs > 0);
  // Deviations that two rates must be apart to count as two: the largest that n windows differ by without any reason
  // (the universal threshold √(2 ln n): Donoho and Johnstone, Ideal spatial adaptation by wavelet shrinkage, 1994).
  const limit = Math.max(2, Math.sqrt(2 * Math.log(steps.length)));
  const apart = (a: Step, b: Step) => {
    const rate = (a.count + b.count) / (a.lengthMs + b.lengthMs);
    const variance = Math.max(cv ** 2, 0.05) * rate * (1 / a.lengthMs + 1 / b.lengthMs);
    return rate === 0 ? 0 : Math.abs(a.count / a.lengthMs - b.count / b.lengthMs) / Math.sqrt(variance);
  };
  while (steps.length > 1) {
    let nearest = 1;
    for (let i = 2; i < steps.length; i++) {
      if (apart(steps[i - 1]!, steps[i]!) < apart(steps[nearest - 1]!, steps[nearest]!)) nearest = i;
    }
    const [a, b] = [steps[nearest - 1]!, steps[nearest]!];
    if (apart(a, b) > limit) break;
    steps.splice(nearest - 1, 2, { atMs: a.atMs, lengthMs: a.lengthMs + b.lengthMs, count: a.count + b.count });
  }
  return steps.map(({ atMs, lengthMs, count }) => ({ atMs, rate: (count * 1000) / lengthMs }));
}

/** To four digits. */
function rounded(value: number): number {
  return Number(value.toPrecision(4));
}
