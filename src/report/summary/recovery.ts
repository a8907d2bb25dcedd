import type { FaultRecord, RunRecord } from "#src/record";
import { itlMet, ttftMet } from "./request-times.ts";

/** A fault with the time it took to get over it. */
export interface FaultSummary extends FaultRecord {
  /** From its beginning until requests kept the SLA again, ms; 0: they never stopped to; Infinity: not before the run ended. */
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
export function faultSummaries(record: RunRecord): FaultSummary[] {
  return (record.faults ?? []).map((fault) => ({ ...fault, recoveryMs: recoveryMs(record, fault) }));
}

function recoveryMs({ requests: table, sla, feasible, endMs }: RunRecord, { atMs, untilMs }: FaultRecord): number {
  const count = Math.max(0, Math.ceil((endMs - atMs) / WINDOW_MS));
  const judged = new Int32Array(count);
  const good = new Int32Array(count);
  for (let i = 0; i < table.count; i++) {
    const window = Math.floor((table.arrivalMs[i]! - atMs) / WINDOW_MS);
    if (!(window >= 0 && window < count)) continue;
    const kept = ttftMet(table, i, sla.ttftMs) && itlMet(table, i, sla.itlMs);
    if (feasible[i] !== 1 && !kept) continue;
    judged[window]! += 1;
    if (kept) good[window]! += 1;
  }
  const effectMs = (untilMs ?? endMs) - atMs + AFTER_EFFECT_MS;
  let goodSince = 0;
  let isGood = true;
  for (let window = 0; window < count; window++) {
    if (judged[window]! > 0) isGood = good[window]! >= GOOD_SHARE * judged[window]!;
    if (!isGood) goodSince = window + 1;
    const recovered = window + 1 - goodSince >= GOOD_WINDOWS;
    if (recovered && (window + 1) * WINDOW_MS >= effectMs) break;
  }
  return isGood ? goodSince * WINDOW_MS : Number.POSITIVE_INFINITY;
}
