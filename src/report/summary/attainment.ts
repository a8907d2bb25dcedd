import { type ReportedRun, type RequestBlock, RequestStatus, type RunFacts, requestBlocks } from "#src/record";
import { isJudged, itlMet, keptSla, ttftMet } from "./request-times.ts";

export interface RequestCounts {
  total: number;
  completed: number;
  rejected: number;
  failed: number;
  unfinished: number;
  /** Requests that were given to workers more than once, and how often all of them were. */
  retried: number;
  attempts: number;
  /** Requests whose prompt alone takes longer than the TTFT limit; not judged. */
  infeasible: number;
}

/** How much of the traffic kept the SLA. Shares are 0..1, NaN where nothing was judged. */
export interface Attainment {
  /** Requests the SLA is judged on: the feasible ones, and any other that kept it all the same (a cached prompt can). */
  judged: number;
  /** Kept TTFT and ITL: the good requests. */
  good: number;
  ttftMet: number;
  itlMet: number;
  /** good ÷ judged. */
  share: number;
  /** ttftMet ÷ judged; failed, rejected and unfinished requests count as missed, here and in the two others. */
  ttftShare: number;
  itlShare: number;
}

/** A part of a run, ms from its start. */
export interface TimeWindow {
  fromMs: number;
  toMs: number;
}

/**
 * Judges every request against the run's SLA: TTFT, and the request's own mean ITL.
 * @param arrived only requests that arrived then (its end excluded); absent: all
 */
export function attainment(
  record: ReportedRun,
  arrived: TimeWindow = { fromMs: Number.NEGATIVE_INFINITY, toMs: Number.POSITIVE_INFINITY },
): { counts: RequestCounts; attainment: Attainment } {
  const { sla } = record;
  const byStatus = [0, 0, 0, 0];
  let retried = 0;
  let attempts = 0;
  let infeasible = 0;
  let judged = 0;
  let good = 0;
  let ttft = 0;
  let itl = 0;
  let total = 0;
  for (const block of requestBlocks(record)) {
    const { requests: table } = block;
    for (let i = 0; i < table.count; i++) {
      const arrivalMs = table.arrivalMs[i]!;
      if (arrivalMs < arrived.fromMs || arrivalMs >= arrived.toMs) continue;
      total++;
      byStatus[table.status[i]!]! += 1;
      if (table.attempts[i]! > 1) retried++;
      attempts += table.attempts[i]!;
      const keptTtft = ttftMet(table, i, sla.ttftMs);
      const keptItl = itlMet(table, i, sla.itlMs);
      const kept = keptTtft && keptItl;
      if (!isJudged(block, i, kept)) {
        infeasible++;
        continue;
      }
      judged++;
      if (keptTtft) ttft++;
      if (keptItl) itl++;
      if (kept) good++;
    }
  }
  const share = (met: number) => (judged === 0 ? Number.NaN : met / judged);
  return {
    counts: {
      total,
      completed: byStatus[RequestStatus.completed]!,
      rejected: byStatus[RequestStatus.rejected]!,
      failed: byStatus[RequestStatus.failed]!,
      unfinished: byStatus[RequestStatus.unfinished]!,
      retried,
      attempts,
      infeasible,
    },
    attainment: {
      judged,
      good,
      ttftMet: ttft,
      itlMet: itl,
      share: share(good),
      ttftShare: share(ttft),
      itlShare: share(itl),
    },
  };
}

/** Whether request `i` of a block is one that the SLA is judged on and that did not keep it. */
export function missedSla(
  { requests, feasible }: Pick<RequestBlock, "requests" | "feasible">,
  i: number,
  sla: RunFacts["sla"],
): boolean {
  return feasible[i] === 1 && !keptSla(requests, i, sla);
}
