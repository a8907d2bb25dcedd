import { RequestStatus, type RequestTable, type RunRecord } from "#src/record";

/** TTFT of request `i`, ms from its arrival; NaN where no token came. */
export function ttftMs(table: RequestTable, i: number): number {
  return table.firstTokenMs[i]! - table.arrivalMs[i]!;
}

/** Time to the first token of request `i` that is not reasoning, ms from its arrival; NaN where none came. */
export function ttfoMs({ firstOutputTokenMs, firstTokenMs, arrivalMs }: RequestTable, i: number): number {
  return (firstOutputTokenMs ?? firstTokenMs)[i]! - arrivalMs[i]!;
}

/** Latency of request `i` from arrival to its last token, ms; NaN where it did not end. */
export function latencyMs(table: RequestTable, i: number): number {
  return table.lastTokenMs[i]! - table.arrivalMs[i]!;
}

/**
 * Inter-token latency of request `i` as AIPerf defines it, (latency − TTFT) ÷ (output tokens − 1), ms;
 * NaN for fewer than two tokens.
 */
export function itlMs(table: RequestTable, i: number): number {
  const gaps = table.outputTokens[i]! - 1;
  return gaps < 1 ? Number.NaN : (table.lastTokenMs[i]! - table.firstTokenMs[i]!) / gaps;
}

export function isCompleted(table: RequestTable, i: number): boolean {
  return table.status[i] === RequestStatus.completed;
}

/** What a request is promised. */
export type Sla = RunRecord["sla"];

/** Whether a request is good: completed within both limits. */
export function keptSla(table: RequestTable, i: number, { ttftMs: ttft, itlMs: itl }: Sla): boolean {
  return ttftMet(table, i, ttft) && itlMet(table, i, itl);
}

/** Whether the SLA is judged on request `i`: it could be kept, or it was all the same (a cached prompt can). */
export function isJudged({ feasible }: Pick<RunRecord, "feasible">, i: number, kept: boolean): boolean {
  return feasible[i] === 1 || kept;
}

/** Whether a completed request kept the TTFT limit. */
export function ttftMet(table: RequestTable, i: number, limitMs: number): boolean {
  return isCompleted(table, i) && ttftMs(table, i) <= limitMs;
}

/** Whether a completed request kept the ITL limit; one with a single token has no gap to miss it with. */
export function itlMet(table: RequestTable, i: number, limitMs: number): boolean {
  return isCompleted(table, i) && !(itlMs(table, i) > limitMs);
}
