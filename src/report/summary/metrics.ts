import { sortNumbers } from "#common";
import { type ReportedRun, type RequestTable, requestBlocks, requestCount } from "#src/record";
import { type Distribution, describeSorted, type PercentileRule } from "./distribution.ts";
import { isCompleted, itlMs, latencyMs, ttfoMs, ttftMs } from "./request-times.ts";

/** Per-request metrics with AIPerf's definitions, over completed requests. */
export interface RequestMetrics {
  /** First token − arrival, ms. */
  ttftMs: Distribution;
  /** First token that is not reasoning − arrival, ms; requests with one. Absent where nothing reasons: the TTFT then. */
  ttfoMs?: Distribution;
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
  /** Output tokens that were reasoning. Absent where nothing reasons. */
  reasoningTokens?: Distribution;
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

/** A pass over the rows and a sort for each metric, in one column of memory: a run of millions of requests has no room for more. */
export function requestMetrics(
  record: ReportedRun,
  rule: PercentileRule,
): { metrics: RequestMetrics; throughput: Throughput } {
  const scratch = new Float64Array(requestCount(record));
  /** Values of the completed requests in ascending order; NaN where one has none. */
  const ascending = (value: (table: RequestTable, i: number) => number): Float64Array => {
    let count = 0;
    for (const { requests: table } of requestBlocks(record)) {
      for (let i = 0; i < table.count; i++) {
        if (!isCompleted(table, i)) continue;
        const found = value(table, i);
        if (!Number.isNaN(found)) scratch[count++] = found;
      }
    }
    return sortNumbers(scratch.subarray(0, count));
  };
  const described = (value: (table: RequestTable, i: number) => number) => describeSorted(ascending(value), rule);
  const reasons = anyReasoning(record);
  const itl = ascending(itlMs);
  const itlDistribution = describeSorted(itl, rule);
  // 1 ÷ an ascending sample is descending: it only has to be turned round.
  itl.reverse();
  for (let i = 0; i < itl.length; i++) itl[i] = 1000 / itl[i]!;
  const perUserThroughput = describeSorted(itl, rule);
  return {
    metrics: {
      ttftMs: described(ttftMs),
      ...(reasons ? { ttfoMs: described(ttfoMs) } : {}),
      ttstMs: described((table, i) =>
        table.outputTokens[i]! > 1 ? table.secondTokenMs[i]! - table.firstTokenMs[i]! : Number.NaN,
      ),
      latencyMs: described(latencyMs),
      itlMs: itlDistribution,
      perUserThroughput,
      osl: described((table, i) => table.outputTokens[i]!),
      isl: described((table, i) => table.isl[i]!),
      ...(reasons ? { reasoningTokens: described((table, i) => table.reasoningTokens![i]!) } : {}),
      queueMs: described((table, i) => table.admitMs[i]! - table.arrivalMs[i]!),
    },
    throughput: throughputOf(record),
  };
}

/** Whether any completed request reasoned. */
function anyReasoning(record: ReportedRun): boolean {
  for (const { requests: table } of requestBlocks(record)) {
    const { reasoningTokens } = table;
    if (reasoningTokens?.some((tokens, i) => tokens > 0 && isCompleted(table, i))) return true;
  }
  return false;
}

function throughputOf(record: ReportedRun): Throughput {
  let completed = 0;
  let firstArrivalMs = Number.POSITIVE_INFINITY;
  let lastTokenMs = Number.NEGATIVE_INFINITY;
  let inputTokens = 0;
  let outputTokens = 0;
  for (const { requests: table } of requestBlocks(record)) {
    for (let i = 0; i < table.count; i++) {
      if (!isCompleted(table, i)) continue;
      completed++;
      firstArrivalMs = Math.min(firstArrivalMs, table.arrivalMs[i]!);
      lastTokenMs = Math.max(lastTokenMs, table.lastTokenMs[i]!);
      inputTokens += table.isl[i]!;
      outputTokens += table.outputTokens[i]!;
    }
  }
  const durationMs = completed === 0 ? 0 : lastTokenMs - firstArrivalMs;
  const perSecond = (total: number) => (durationMs > 0 ? (total * 1000) / durationMs : Number.NaN);
  return {
    durationMs,
    requestsPerSecond: perSecond(completed),
    outputTokensPerSecond: perSecond(outputTokens),
    inputTokensPerSecond: perSecond(inputTokens),
  };
}
