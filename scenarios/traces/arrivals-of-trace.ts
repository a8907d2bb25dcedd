import { randomStream } from "#common";
import type { Workload } from "#scenarios/workload";
import type { TraceOptions } from "./options.ts";

/**
 * Arrival times of a trace's requests: from the slice's start, spread over their buckets, and sped up.
 * @param timesMs the trace's own times by request, NaN for requests without one; becomes the arrivals
 * @param openHeads requests that arrive by time, ascending
 * @param firstMs the trace's first time
 */
export function arrivalsOf(
  timesMs: Float64Array,
  openHeads: Int32Array,
  firstMs: number,
  { speedup = 1, fromEarliestRow = false, fromMs, spreadMs = 0, seed = 0 }: TraceOptions,
): Pick<Workload, "arrivalMs" | "openHeads" | "horizonMs"> {
  const beginMs = fromMs === undefined ? timesMs[openHeads[0]!]! : firstMs + fromMs;
  const zeroMs = fromEarliestRow ? earliest(timesMs) : beginMs;
  const arrivalMs = timesMs.map((atMs) => atMs - zeroMs);
  if (spreadMs > 0) {
    const spread = randomStream(seed, "trace/spread");
    for (const head of openHeads) arrivalMs[head]! += spread.next() * spreadMs;
  }
  for (let i = 0; i < arrivalMs.length; i++) arrivalMs[i]! /= speedup;
  if (spreadMs > 0) openHeads.sort((a, b) => arrivalMs[a]! - arrivalMs[b]! || a - b);
  return { arrivalMs, openHeads, horizonMs: arrivalMs[openHeads[openHeads.length - 1]!]! };
}

/** The least of times, NaN left out. */
function earliest(timesMs: Float64Array): number {
  const known = timesMs.filter((atMs) => !Number.isNaN(atMs));
  return known.reduce((least, atMs) => Math.min(least, atMs), Number.POSITIVE_INFINITY);
}
