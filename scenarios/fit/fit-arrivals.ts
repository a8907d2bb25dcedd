import { burstiness, counts, snapped } from "../traces/burstiness.ts";
import type { Arrivals, RateShape } from "../traffic.ts";
import { pairDispersion, rateSteps } from "./rate-steps.ts";

/** Arrivals that the rate of a window is estimated from, on average. */
const PER_WINDOW = 16;
const MOST_WINDOWS = 2048;
/** Arrivals in each of two windows whose counts are compared, for each unit of dispersion up to so many, and such pairs at least. */
const PER_PAIR = 4;
const MOST_PER_PAIR = 64;
const FEWEST_PAIRS = 20;
/** Standard deviations that counts must be off from what the gaps make of them, and rounds to find what they say themselves. */
const CONTRADICTION = 2;
const ROUNDS = 8;
/** Coefficients of variation that mean even spacing, and Poisson arrivals. */
const EVEN = 0.05;
const POISSON: readonly [number, number] = [0.93, 1.07];

export interface FittedArrivals {
  rate: RateShape;
  arrivals: Arrivals;
  durationMs: number;
  /** Variance ÷ mean of the counts that such arrivals have in long windows at an even rate. */
  dispersion: number;
}

/** The rate over time as steps, and how arrivals scatter around it. @param asRead ascending, ms, from 0 */
export function fitArrivals(asRead: Float64Array): FittedArrivals {
  const { localCv, bucketMs } = burstiness(asRead);
  const times = bucketMs > 0 ? snapped(asRead, bucketMs) : asRead;
  const lastMs = times.at(-1) ?? 0;
  const ofGaps = Number.isNaN(localCv) ? 1 : localCv ** 2;
  const dispersion = Math.min(20, Math.sqrt(bucketMs > 0 ? ofGaps : dispersionOf(times, ofGaps))) ** 2;
  // The process goes on after its last arrival for about half a gap; a bucket holds what came until its end.
  const durationMs = Math.max(
    1,
    Math.round(lastMs + (bucketMs > 0 ? bucketMs : lastMs / (2 * Math.max(1, times.length - 1)))),
  );
  const windows = Math.max(
    1,
    Math.min(MOST_WINDOWS, Math.floor(times.length / (PER_WINDOW * Math.max(1, dispersion)))),
  );
  const exactMs = durationMs / windows;
  const windowMs = bucketMs > 0 ? Math.max(1, Math.round(exactMs / bucketMs)) * bucketMs : exactMs;
  const steps = rateSteps(counts(times, windowMs), windowMs, durationMs, dispersion);
  return {
    rate:
      steps.length === 1
        ? { kind: "constant", rate: rounded(steps[0]!.rate) }
        : { kind: "steps", steps: steps.map(({ atMs, rate }) => ({ atMs: Math.round(atMs), rate: rounded(rate) })) },
    // All at one instant: as many come again.
    arrivals: lastMs === 0 ? { kind: "constant" } : scatter(Math.sqrt(dispersion)),
    durationMs,
    dispersion,
  };
}

function scatter(cv: number): Arrivals {
  if (cv < EVEN) return { kind: "constant" };
  return cv > POISSON[0] && cv < POISSON[1] ? { kind: "poisson" } : { kind: "gamma", cv: rounded(cv) };
}

/**
 * The squared coefficient of variation of the gamma process that scatters as these arrivals do. Their gaps say it most exactly, but nothing of what
 * goes on over more than a gap (several at once, one after the other), and too much where times are whole ms: so counts
 * of neighbouring windows rule where they contradict it by more than chance.
 * @param ofGaps what the gaps say
 */
function dispersionOf(times: Float64Array, ofGaps: number): number {
  let found = ofGaps;
  for (let round = 0; round < ROUNDS; round++) {
    const perWindow = PER_PAIR * Math.max(1, Math.min(MOST_PER_PAIR, found));
    const pairs = Math.floor(times.length / (2 * perWindow));
    if (pairs < FEWEST_PAIRS) return found;
    const inWindows = counts(times, times.at(-1)! / (2 * pairs));
    let squares = 0;
    for (let i = 0; i < pairs; i++) squares += (inWindows[2 * i]! - inWindows[2 * i + 1]!) ** 2;
    const m = times.length / (2 * pairs);
    const seen = squares / times.length;
    if (Math.abs(seen / pairDispersion(ofGaps, m) - 1) <= CONTRADICTION * Math.sqrt(2 / pairs)) return ofGaps;
    // `pairDispersion`, solved for c.
    const next = Math.max(0, 2 * m * (1 - Math.sqrt(Math.max(0, 1 - seen / m + 1 / (4 * m * m)))));
    if (Math.abs(next - found) <= 0.05 * found) return next;
    found = next;
  }
  return found;
}

/** To four digits. */
function rounded(value: number): number {
  return Number(value.toPrecision(4));
}
