import type { Edge, Workload } from "#scenarios/workload";
import { traceBadField, traceEmpty } from "../errors.ts";
import { agentEdges, type SessionRequest } from "./agent-sessions.ts";
import { type GraphRow, graphWorkload } from "./graph-columns.ts";
import { type Fields, hashIds, isFields, optionalName, optionalTime, tokens } from "./json-row.ts";
import { MOONCAKE_BLOCK, type TraceOptions } from "./options.ts";
import type { RowReader } from "./row-reader.ts";
import { checkIds } from "./trace-columns.ts";

export const REQUEST_TRACE_SCHEMA = "dynamo.request.trace.v1";

interface DynamoRow extends GraphRow, SessionRequest {}

/**
 * Takes the events of Dynamo's request traces (`dynamo.request.trace.v1`; bare or wrapped in `event`, in any order). Each
 * `request_end` is a request that arrives when it was received; with `agent_context` throughout, requests wait for those that
 * they waited for when they were recorded (see `agentEdges`). Other events say nothing of the load: the time that tools took is
 * between the requests.
 */
export class DynamoReader implements RowReader {
  readonly done = false;
  readonly #file: string;
  readonly #options: TraceOptions;
  readonly #rows: DynamoRow[] = [];
  /** Of the first row that says it. */
  #blockTokens: number | null = null;

  constructor(file: string, options: TraceOptions) {
    this.#file = file;
    this.#options = options;
    this.#blockTokens = options.blockTokens ?? null;
  }

  row(fields: Fields, where: string): void {
    const event = isFields(fields.event) ? fields.event : fields;
    if (event.event_type !== "request_end") return;
    if (!isFields(event.request)) throw traceBadField(where, "request", event.request, "an object");
    const { request } = event;
    const replay = isFields(request.replay) ? request.replay : null;
    const isl = replay === null ? tokens(request, "input_tokens", where) : tokens(replay, "input_length", where);
    const ids = replay === null ? [] : hashIds(replay, "input_sequence_hashes", where);
    if (replay?.trace_block_size !== undefined) this.#checkBlockSize(replay, where);
    checkIds(isl, ids.length, this.#blockTokens ?? MOONCAKE_BLOCK, "input_sequence_hashes", where);
    const startMs = optionalTime(request, "request_received_ms", where);
    if (startMs === undefined) {
      throw traceBadField(where, "request_received_ms", undefined, "milliseconds since 1970");
    }
    const context = isFields(event.agent_context) ? event.agent_context : {};
    const session = optionalName(context, "session_id", where);
    const first = this.#rows[0];
    if (first !== undefined && (first.session === null) !== (session === null)) {
      throw traceBadField(
        where,
        "agent_context.session_id",
        session ?? undefined,
        `${first.session === null ? "no agent_context" : "a session"}, as in the rows before`,
        "give the requests of agents a file of their own",
      );
    }
    this.#rows.push({
      timestampMs: startMs,
      startMs,
      endMs: Math.max(startMs, endOf(event, request, startMs, where)),
      isl,
      // A request that was given up before its first token had its prompt computed all the same.
      osl: request.output_tokens === 0 ? 1 : tokens(request, "output_tokens", where),
      hashIds: ids,
      label: session ?? "",
      session,
      parentSession: optionalName(context, "parent_session_id", where),
      where,
    });
  }

  #checkBlockSize(replay: Fields, where: string): void {
    const blockTokens = tokens(replay, "trace_block_size", where);
    this.#blockTokens ??= blockTokens;
    if (blockTokens === this.#blockTokens) return;
    const expected = `${this.#blockTokens}, as ${this.#options.blockTokens === undefined ? "in the rows before" : "was asked for"}`;
    throw traceBadField(where, "trace_block_size", blockTokens, expected);
  }

  finish(): Workload {
    if (this.#rows.length === 0) throw traceEmpty(this.#file, 0);
    const rows = this.#rows.sort((a, b) => a.startMs - b.startMs);
    const edges: Edge[] = rows[0]!.session === null ? [] : agentEdges(rows);
    const waiting = new Set(edges.map(({ child }) => child));
    // Who waits for others has no time of its own.
    const timed = rows.map((row, i) => (waiting.has(i) ? { ...row, timestampMs: Number.NaN } : row));
    return graphWorkload(this.#file, timed, edges, this.#blockTokens ?? MOONCAKE_BLOCK, this.#options);
  }
}

function endOf(event: Fields, request: Fields, startMs: number, where: string): number {
  const totalMs = optionalTime(request, "total_time_ms", where);
  if (totalMs !== undefined) return startMs + totalMs;
  return optionalTime(event, "event_time_unix_ms", where) ?? startMs;
}
