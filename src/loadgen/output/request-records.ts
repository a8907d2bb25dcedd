import { families } from "#scenarios";
import { RequestStatus } from "#src/record";
import type { FailureKind, LoadFailure, LoadResult } from "../types.ts";

const LINES_PER_CHUNK = 2000;

/** Status codes of failures without a response, as AIPerf has them. */
const CODES: Partial<Record<FailureKind, number>> = { timeout: 408, connect: 0, dropped: 0, stream: 502 };

/**
 * profile_export.jsonl in pieces: a line per request that was sent, in the shape of AIPerf's per-request records (`metadata`,
 * `metrics` with units, `error`). Instants are Unix ns of the wall clock, durations model ms; `request_start_ns` is the
 * schedule, from which latencies count.
 */
export function* requestRecords(result: LoadResult): Generator<string> {
  const failures = new Map(result.failures.map((failure) => [failure.request, failure]));
  const sessions = sessionNumbers(result);
  let lines: string[] = [];
  for (let i = 0; i < result.requests.count; i++) {
    if (Number.isNaN(result.requests.arrivalMs[i]!)) continue;
    lines.push(JSON.stringify(recordOf(result, i, sessions[i]!, failures.get(i))));
    if (lines.length < LINES_PER_CHUNK) continue;
    yield `${lines.join("\n")}\n`;
    lines = [];
  }
  if (lines.length > 0) yield `${lines.join("\n")}\n`;
}

function recordOf(result: LoadResult, i: number, session: number, failure: LoadFailure | undefined): object {
  const { requests: table, details, workload, startUnixMs, timeScale } = result;
  const cancelled = details.cancelled[i] === 1;
  const instant = (ms: number) =>
    Number.isNaN(ms) ? null : Number((BigInt(Math.round((startUnixMs + ms / timeScale) * 1e3)) * 1000n).toString());
  return {
    metadata: {
      session_num: session,
      x_request_id: `${result.runId}-${i}`,
      conversation_id: workload.sessionIds?.[i] || null,
      turn_index: workload.turnIndex?.[i] ?? 0,
      request_start_ns: instant(table.arrivalMs[i]!),
      request_sent_ns: instant(details.sentMs[i]!),
      request_ack_ns: instant(details.respondedMs[i]!),
      request_end_ns: instant(details.endedMs[i]!),
      benchmark_phase: "profiling",
      was_cancelled: cancelled,
      cancellation_time_ns: cancelled ? instant(details.endedMs[i]!) : null,
    },
    metrics: table.status[i] === RequestStatus.completed ? metricsOf(result, i) : null,
    error: errorOf(result, i, cancelled, failure),
  };
}

function metricsOf({ requests: table, details, workload }: LoadResult, i: number): object {
  const osl = table.outputTokens[i]!;
  const firstMs = table.firstTokenMs[i]!;
  const lastMs = table.lastTokenMs[i]!;
  const itlMs = osl > 1 ? (lastMs - firstMs) / (osl - 1) : Number.NaN;
  const all: Record<string, [number, string]> = {
    time_to_first_token: [firstMs - table.arrivalMs[i]!, "ms"],
    time_to_first_output_token: [table.firstOutputTokenMs![i]! - table.arrivalMs[i]!, "ms"],
    time_to_second_token: [table.secondTokenMs[i]! - firstMs, "ms"],
    request_latency: [lastMs - table.arrivalMs[i]!, "ms"],
    inter_token_latency: [itlMs, "ms"],
    output_token_throughput_per_user: [1000 / itlMs, "tokens/sec/user"],
    output_sequence_length: [osl, "tokens"],
    input_sequence_length: [table.isl[i]!, "tokens"],
    ...(table.reasoningTokens![i]! > 0 ? { reasoning_token_count: [table.reasoningTokens![i]!, "tokens"] } : {}),
    requested_output_sequence_length: [workload.osl[i]!, "tokens"],
    cached_prompt_tokens: [table.cachedTokens[i]!, "tokens"],
    schedule_lateness: [details.sentMs[i]! - table.arrivalMs[i]!, "ms"],
  };
  const metrics: Record<string, object> = {};
  for (const [tag, [value, unit]] of Object.entries(all)) {
    if (Number.isFinite(value)) metrics[tag] = { value: Math.round(value * 1e6) / 1e6, unit };
  }
  return metrics;
}

function errorOf(
  { requests: table, details }: LoadResult,
  i: number,
  cancelled: boolean,
  failure: LoadFailure | undefined,
): object | null {
  if (failure !== undefined) {
    const code = failure.kind === "rejected" || failure.kind === "server" ? failure.status : CODES[failure.kind];
    return { code: code ?? failure.status, type: failure.kind, message: failure.message };
  }
  if (cancelled)
    return { code: 499, type: "cancelled", message: `cancelled by the client after ${table.outputTokens[i]} tokens` };
  if (table.status[i] !== RequestStatus.completed) {
    return { code: details.httpStatus[i]!, type: "unfinished", message: "the run ended before the request" };
  }
  return null;
}

/** The session that each request belongs to, counted in the order of the workload. */
function sessionNumbers({ workload }: LoadResult): Int32Array {
  const numbers = families(workload);
  let sessions = 0;
  // The first request of a session comes before its others.
  for (let i = 0; i < workload.count; i++) numbers[i] = numbers[i] === i ? sessions++ : numbers[numbers[i]!]!;
  return numbers;
}
