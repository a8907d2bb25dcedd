import { type FaultRecord, type ReportedRun, requestBlocks, requestCount } from "#src/record";
import { isJudged, keptSla } from "./request-times.ts";

/** A fault with the time it took to get over it. */
export interface FaultSummary extends FaultRecord {
  /** From its beginning until requests kept the SLA again, ms; 0: they never stopped to; Infinity: not before the run ended; NaN: it had ended before the fault began. */
  recoveryMs: number;
}

/** Requests are looked at by windows of this length, ms, … */
const WINDOW_MS = 5000;
/** … of which this share must keep the SLA, … */
const GOOD_SHARE = 0.9;
/** … in so many of them one after the other. Where nobody arrives it is as before. */
const GOOD_WINDOWS = 4;

/** What begins to go wrong later than this after a fault is over has another cause. */
const AFTER_EFFECT_MS = 60_000;

/**
 * The faults of a run. Requests are judged by 5 s of arrivals: at least 90 % of them keep TTFT and ITL, or the SLA is not kept. A run has
 * recovered from a fault when it is kept for 20 s on end and neither the fault nor the minute after it brings another disturbance;
 * the end of the run cuts those times short. What a later fault does to them counts for both.
 */
export function faultSummaries(record: ReportedRun): FaultSummary[] {
  const { faults = [] } = record;
  if (faults.length === 0) return [];
  const arrivals = judgedArrivals(record);
  return faults.map((fault) => ({ ...fault, recoveryMs: recoveryMs(arrivals, record.endMs, fault) }));
}

/** Requests that the SLA is judged on by their arrival, and whether they kept it: 1, or not: 0. */
interface JudgedArrivals {
  atMs: Float64Array;
  kept: Uint8Array;
}

function judgedArrivals(record: ReportedRun): JudgedArrivals {
  const total = requestCount(record);
  const atMs = new Float64Array(total);
  const kept = new Uint8Array(total);
  let count = 0;
  let isOrdered = true;
  for (const block of requestBlocks(record)) {
    const { requests: table } = block;
    for (let i = 0; i < table.count; i++) {
      const isKept = keptSla(table, i, record.sla);
      if (!isJudged(block, i, isKept)) continue;
      atMs[count] = table.arrivalMs[i]!;
      kept[count] = isKept ? 1 : 0;
      isOrdered &&= count === 0 || atMs[count]! >= atMs[count - 1]!;
      count++;
    }
  }
  const arrivals = { atMs: atMs.subarray(0, count), kept: kept.subarray(0, count) };
  return isOrdered ? arrivals : inOrder(arrivals);
}

function inOrder({ atMs, kept }: JudgedArrivals): JudgedArrivals {
  const order = Uint32Array.from(atMs, (_, i) => i).sort((a, b) => atMs[a]! - atMs[b]!);
  return {
    atMs: Float64Array.from(order, (i) => atMs[i]!),
    kept: Uint8Array.from(order, (i) => kept[i]!),
  };
}

function recoveryMs({ atMs: arrivalMs, kept }: JudgedArrivals, endMs: number, { atMs, untilMs }: FaultRecord): number {
  if (atMs > endMs) return Number.NaN;
  const count = Math.max(0, Math.ceil((endMs - atMs) / WINDOW_MS));
  const effectMs = (untilMs ?? endMs) - atMs + AFTER_EFFECT_MS;
  let next = firstFrom(arrivalMs, atMs);
  let goodSince = 0;
  let isGood = true;
  for (let window = 0; window < count; window++) {
    let judged = 0;
    let good = 0;
    for (; next < arrivalMs.length && Math.floor((arrivalMs[next]! - atMs) / WINDOW_MS) === window; next++) {
      judged++;
      good += kept[next]!;
    }
    if (judged > 0) isGood = good >= GOOD_SHARE * judged;
    if (!isGood) goodSince = window + 1;
    const recovered = window + 1 - goodSince >= GOOD_WINDOWS;
    if (recovered && (window + 1) * WINDOW_MS >= effectMs) break;
  }
  return isGood ? goodSince * WINDOW_MS : Number.POSITIVE_INFINITY;
}

/** Index of the first of ascending values that is not below `least`. */
function firstFrom(ascending: Float64Array, least: number): number {
  let low = 0;
  let high = ascending.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (ascending[middle]! < least) low = middle + 1;
    else high = middle;
  }
  return low;
}
