import type { RequestTable } from "#src/record";
import { type Distribution, describe, describeSorted, type PercentileRule } from "./distribution.ts";
import { isCompleted, itlMs, latencyMs, ttftMs } from "./request-times.ts";

/** Per-request metrics with AIPerf's definitions, over completed requests. */
export interface RequestMetrics {
  /** First token − arrival, ms. */
  ttftMs: Distribution;
  /** Second token − first token, ms; requests with two or more tokens. */
  ttstMs: Distribution;
  /** Last token − arrival, ms. */
  latencyMs: Distribution;
  /** (latency − TTFT) ÷ (OSL − 1) per request, ms; requests with two or more tokens. */
  itlMs: Distribution;
  /** 1 ÷ ITL per request, tokens/s/user. */
  perUserThroughput: Distribution;
  /** Output tokens that came. */
  osl: Distribution;
  isl: Distribution;
  /** First admission into a batch − arrival, ms: time spent waiting. Not one of AIPerf's. */
  queueMs: Distribution;
}

/** Totals over completed requests, per second of the benchmark's duration. */
export interface Throughput {
  /** First arrival to last token of the completed requests, ms: AIPerf's benchmark duration. */
  durationMs: number;
  requestsPerSecond: number;
  outputTokensPerSecond: number;
  inputTokensPerSecond: number;
}

/** One pass over the table, then one sort per metric; 1 ÷ ITL needs none. */
export function requestMetrics(
  table: RequestTable,
  rule: PercentileRule,
): { metrics: RequestMetrics; throughput: Throughput } {
  const n = table.count;
  const ttft = new Float64Array(n);
  const ttst = new Float64Array(n);
  const latency = new Float64Array(n);
  const itl = new Float64Array(n);
  const queue = new Float64Array(n);
  const isl = new Int32Array(n);
  const osl = new Int32Array(n);
  let completed = 0;
  let withGaps = 0;
  let queued = 0;
  let firstArrivalMs = Number.POSITIVE_INFINITY;
  let lastTokenMs = Number.NEGATIVE_INFINITY;
  let inputTokens = 0;
  let outputTokens = 0;
  for (let i = 0; i < n; i++) {
    if (!isCompleted(table, i)) continue;
    ttft[completed] = ttftMs(table, i);
    latency[completed] = latencyMs(table, i);
    isl[completed] = table.isl[i]!;
    osl[completed] = table.outputTokens[i]!;
    completed++;
    if (table.outputTokens[i]! > 1) {
      itl[withGaps] = itlMs(table, i);
      ttst[withGaps] = table.secondTokenMs[i]! - table.firstTokenMs[i]!;
      withGaps++;
    }
    const waited = table.admitMs[i]! - table.arrivalMs[i]!;
    if (!Number.isNaN(waited)) queue[queued++] = waited;
    firstArrivalMs = Math.min(firstArrivalMs, table.arrivalMs[i]!);
    lastTokenMs = Math.max(lastTokenMs, table.lastTokenMs[i]!);
    inputTokens += table.isl[i]!;
    outputTokens += table.outputTokens[i]!;
  }
  const ascendingItl = itl.subarray(0, withGaps).sort();
  const perUser = new Float64Array(withGaps);
  for (let i = 0; i < withGaps; i++) perUser[i] = 1000 / ascendingItl[withGaps - 1 - i]!;
  const durationMs = completed === 0 ? 0 : lastTokenMs - firstArrivalMs;
  const perSecond = (total: number) => (durationMs > 0 ? (total * 1000) / durationMs : Number.NaN);
  return {
    metrics: {
      ttftMs: describe(ttft.subarray(0, completed), rule),
      ttstMs: describe(ttst.subarray(0, withGaps), rule),
      latencyMs: describe(latency.subarray(0, completed), rule),
      itlMs: describeSorted(ascendingItl, rule),
      perUserThroughput: describeSorted(perUser, rule),
      osl: describe(osl.subarray(0, completed), rule),
      isl: describe(isl.subarray(0, completed), rule),
      queueMs: describe(queue.subarray(0, queued), rule),
    },
    throughput: {
      durationMs,
      requestsPerSecond: perSecond(completed),
      outputTokensPerSecond: perSecond(outputTokens),
      inputTokensPerSecond: perSecond(inputTokens),
    },
  };
}
