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
/** … in so many of them one after the other. Windows in which nobody arrives count for what was before. */
const GOOD_WINDOWS = 4;

/**
 * The faults of a run. A run has recovered from one at the beginning of the first 20 s from its own beginning on in which at least 90 %
 * of the judged requests that arrive in every 5 s keep TTFT and ITL; the end of the run cuts those 20 s short. What a later
 * fault does to them counts for both.
 */
export function faultSummaries(record: RunRecord): FaultSummary[] {
  return (record.faults ?? []).map((fault) => ({ ...fault, recoveryMs: recoveryMs(record, fault.atMs) }));
}

function recoveryMs({ requests: table, sla, feasible, endMs }: RunRecord, atMs: number): number {
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
  let since = 0;
  let isGood = true;
  for (let window = 0; window < count; window++) {
    if (judged[window]! > 0) isGood = good[window]! >= GOOD_SHARE * judged[window]!;
    if (!isGood) since = window + 1;
    if (isGood && window + 1 - since >= GOOD_WINDOWS) return since * WINDOW_MS;
  }
  return isGood ? since * WINDOW_MS : Number.POSITIVE_INFINITY;
}
