import { families } from "#scenarios";
import { RequestStatus } from "#src/record";
import { loadBlocks } from "../load-record.ts";
import type { FailureKind, LoadBlock, LoadFacts, LoadFailure, LoadResult, StoredLoad } from "../types.ts";

const LINES_PER_CHUNK = 2000;

/** Status codes of failures without a response, as AIPerf has them. */
const CODES: Partial<Record<FailureKind, number>> = { timeout: 408, connect: 0, dropped: 0, stream: 502 };

/**
 * profile_export.jsonl in pieces: a line per request that was sent, in the shape of AIPerf's per-request records (`metadata`,
 * `metrics` with units, `error`). Instants are Unix ns of the wall clock, durations model ms; `request_start_ns` is the
 * schedule, from which latencies count.
 */
export function* requestRecords(result: LoadResult | StoredLoad): Generator<string> {
  const failures = new Map(result.failures.map((failure) => [failure.request, failure]));
  const sessions = sessionNumbers(result);
  let lines: string[] = [];
  for (const block of loadBlocks(result)) {
    for (let row = 0; row < block.requests.count; row++) {
      if (Number.isNaN(block.requests.arrivalMs[row]!)) continue;
      const i = block.first + row;
      lines.push(JSON.stringify(recordOf(result, block, row, sessions[i]!, failures.get(i))));
      if (lines.length < LINES_PER_CHUNK) continue;
      yield `${lines.join("\n")}\n`;
      lines = [];
    }
  }
  if (lines.length > 0) yield `${lines.join("\n")}\n`;
}

function recordOf(
  { workload, runId, startUnixMs, timeScale }: LoadFacts,
  block: LoadBlock,
  row: number,
  session: number,
  failure: LoadFailure | undefined,
): object {
  const { requests: table, details } = block;
  const i = block.first + row;
  const cancelled = details.cancelled[row] === 1;
  const instant = (ms: number) =>
    Number.isNaN(ms) ? null : Number((BigInt(Math.round((startUnixMs + ms / timeScale) * 1e3)) * 1000n).toString());
  return {
    metadata: {
      session_num: session,
      x_request_id: `${runId}-${i}`,
      conversation_id: workload.sessionIds?.[i] || null,
      turn_index: workload.turnIndex?.[i] ?? 0,
      request_start_ns: instant(table.arrivalMs[row]!),
      request_sent_ns: instant(details.sentMs[row]!),
      request_ack_ns: instant(details.respondedMs[row]!),
      request_end_ns: instant(details.endedMs[row]!),
      benchmark_phase: "profiling",
      was_cancelled: cancelled,
      cancellation_time_ns: cancelled ? instant(details.endedMs[row]!) : null,
    },
    metrics: table.status[row] === RequestStatus.completed ? metricsOf(block, row, workload.osl[i]!) : null,
    error: errorOf(block, row, cancelled, failure),
  };
}

function metricsOf({ requests: table, details }: LoadBlock, i: number, requestedOsl: number): object {
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
    requested_output_sequence_length: [requestedOsl, "tokens"],
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
  { requests: table, details }: LoadBlock,
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
function sessionNumbers({ workload }: LoadFacts): Int32Array {
  const numbers = families(workload);
  let sessions = 0;
  // The first request of a session comes before its others.
  for (let i = 0; i < workload.count; i++) numbers[i] = numbers[i] === i ? sessions++ : numbers[numbers[i]!]!;
  return numbers;
}
