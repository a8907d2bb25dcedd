import type { Workload } from "#scenarios/workload";
import { FloatColumn, IntColumn } from "../columns.ts";
import { traceBadField, traceEmpty, traceOutOfOrder } from "../errors.ts";
import { arrivalsOf } from "./arrivals-of-trace.ts";
import { Conversations } from "./conversations.ts";
import { type Fields, isFields } from "./json-row.ts";
import { mooncakeRow, type TraceRow } from "./mooncake-row.ts";
import { MOONCAKE_BLOCK, type TraceOptions } from "./options.ts";
import type { RowReader } from "./row-reader.ts";
import { checkIds, TraceColumns } from "./trace-columns.ts";

/**
 * Takes the rows of a Mooncake trace one by one. Rows of one `session_id` are turns in file order: the first arrives at its
 * timestamp, each later one `delay_ms` after the one before ended, or else as long after as its timestamp and the session's last one are apart
 * (DynoSim 1.6.1's replay rules).
 */
export class MooncakeReader implements RowReader {
  /** Nothing that follows can belong to the slice. */
  done = false;
  readonly #file: string;
  readonly #options: TraceOptions;
  readonly #blockTokens: number;
  readonly #columns: TraceColumns;
  readonly #conversations: Conversations | null;
  #rows = 0;
  #heads = 0;
  #firstTimestampMs = Number.NaN;
  #lastTimestampMs = Number.NEGATIVE_INFINITY;
  #lastTimestampWhere = "";
  readonly #thinkMs = new FloatColumn();
  readonly #nextTurn = new IntColumn();
  readonly #turnIndex = new IntColumn();
  readonly #openHeads = new IntColumn();
  /** Last row of each session, −1 for a session outside the slice. */
  readonly #sessions = new Map<string, number>();
  #multiTurn = false;

  /** @param delta later turns bring only what is new in their prompts */
  constructor(file: string, options: TraceOptions, delta: boolean) {
    this.#file = file;
    this.#options = options;
    this.#blockTokens = options.blockTokens ?? MOONCAKE_BLOCK;
    this.#conversations = delta ? new Conversations(this.#blockTokens, options.grainTokens) : null;
    this.#columns = new TraceColumns(this.#conversations?.blockTokens ?? this.#blockTokens, options.maxIsl);
  }

  row(fields: Fields, where: string): void {
    if (fields.wait_for !== undefined || fields.dependencies !== undefined || isFields(fields.event)) {
      const key = isFields(fields.event) ? "event" : fields.wait_for === undefined ? "dependencies" : "wait_for";
      const hint = `give the trace's format: ${key === "event" ? "dynamo" : "agentic"}`;
      throw traceBadField(where, key, fields[key], "rows of Mooncake's format, as the first one is", hint);
    }
    const row = mooncakeRow(fields, where);
    checkIds(row.isl, row.hashIds.length, this.#blockTokens, "hash_ids", where);
    this.#rows++;
    const before = row.sessionId === null ? undefined : this.#sessions.get(row.sessionId);
    if (before === undefined) this.#head(row, where);
    else if (before >= 0) this.#laterTurn(row, before, where);
  }

  #head(row: TraceRow, where: string): void {
    const timestamp = row.timestampMs;
    if (Number.isNaN(timestamp)) {
      throw traceBadField(
        where,
        "timestamp",
        undefined,
        "milliseconds (only later turns of a session may leave it out)",
      );
    }
    if (timestamp < this.#lastTimestampMs) {
      throw traceOutOfOrder(where, timestamp, this.#lastTimestampMs, this.#lastTimestampWhere);
    }
    this.#lastTimestampMs = timestamp;
    this.#lastTimestampWhere = where;
    if (Number.isNaN(this.#firstTimestampMs)) this.#firstTimestampMs = timestamp;
    const { fromMs = 0, toMs = Number.POSITIVE_INFINITY, skipRequests = 0 } = this.#options;
    const sinceStartMs = timestamp - this.#firstTimestampMs;
    const enough = this.#options.maxRequests ?? Number.POSITIVE_INFINITY;
    const past = sinceStartMs >= toMs || this.#openHeads.length >= enough;
    if (past || sinceStartMs < fromMs || this.#heads++ < skipRequests) {
      // Only a kept session could still bring rows of the slice.
      if (past && this.#sessions.size === 0) this.done = true;
      if (row.sessionId !== null) this.#sessions.set(row.sessionId, -1);
      return;
    }
    const index = this.#append(row, where);
    this.#openHeads.push(index);
    this.#turnIndex.push(0);
    this.#thinkMs.push(0);
  }

  #laterTurn(row: TraceRow, before: number, where: string): void {
    // A turn without a time stands at that of the one before, from which the next one's is counted.
    const sinceMs = this.#columns.timestampMs.at(before);
    const apartMs = row.timestampMs - sinceMs;
    const index = this.#append(Number.isNaN(row.timestampMs) ? { ...row, timestampMs: sinceMs } : row, where);
    this.#nextTurn.set(before, index);
    this.#turnIndex.push(this.#turnIndex.at(before) + 1);
    this.#thinkMs.push(row.delayMs ?? (Number.isNaN(apartMs) ? 0 : Math.max(0, apartMs)));
    this.#multiTurn = true;
  }

  #append(row: TraceRow, where: string): number {
    const { sessionId, timestampMs, osl, hints } = row;
    const { isl, hashIds } = this.#conversations?.turn(row) ?? row;
    const index = this.#columns.append({ isl, osl, hashIds, label: sessionId ?? "", timestampMs, hints }, where);
    this.#nextTurn.push(-1);
    if (sessionId !== null) this.#sessions.set(sessionId, index);
    return index;
  }

  finish(): Workload {
    const columns = this.#columns;
    if (columns.count === 0) throw traceEmpty(this.#file, this.#rows);
    const hints = columns.hints();
    const openHeads = this.#openHeads.toArray();
    const turnIndex = this.#turnIndex.toArray();
    // Later turns have their delays; what the trace says of their times was for that alone.
    const timesMs = columns.timestampMs.toArray().map((atMs, i) => (turnIndex[i] === 0 ? atMs : Number.NaN));
    return {
      count: columns.count,
      isl: columns.isl.toArray(),
      osl: columns.osl.toArray(),
      ...arrivalsOf(timesMs, openHeads, this.#firstTimestampMs, this.#options),
      closedLoops: [],
      nextTurn: this.#multiTurn ? this.#nextTurn.toArray() : null,
      thinkMs: this.#multiTurn ? this.#thinkMs.toArray() : null,
      turnIndex: this.#multiTurn ? turnIndex : null,
      ...(hints === undefined ? {} : { hints }),
      sessionIds: this.#sessions.size > 0 ? columns.labels : null,
      prompts: columns.prompts(),
    };
  }
}
