import { randomStream, UserError } from "#common";
import { FloatColumn, IntColumn } from "./columns.ts";
import { traceBadField, traceEmpty, traceOutOfOrder, traceTooLarge } from "./errors.ts";
import { parseTraceRow, type TraceRow } from "./trace-row.ts";
import type { Workload } from "./workload.ts";

/** What to take of a trace, and how fast to play it. */
export interface TraceOptions {
  /** Tokens a hash id stands for; 512 (Mooncake's) by default. */
  blockTokens?: number;
  /** Divides arrival times; delays between turns stay. Default 1. */
  speedup?: number;
  /** Slice of the trace's own time, counted from its first request, before the speed-up; ms. `fromMs` becomes time 0. */
  fromMs?: number;
  toMs?: number;
  /** Slice by count of requests (a session counts once, by its first turn). */
  skipRequests?: number;
  maxRequests?: number;
  /** Width of the buckets the timestamps were rounded down to, ms: each request moves by a uniform draw in it. */
  spreadMs?: number;
  /** Longer prompts are cut to this length, tokens. */
  maxIsl?: number;
  /** For `spreadMs`. */
  seed?: number | string;
}

export const MAX_LINE_CHARS = 16 * 2 ** 20;
const MAX_ROWS = 50_000_000;
const MAX_IDS = 2 ** 31 - 1;
/** Ids above are renumbered, so that a few traces together still fit 31 bits. */
const MAX_SMALL_ID = 2 ** 24 - 1;

/** Takes the lines of a trace one by one and makes columns of them. */
export class TraceReader {
  /** Nothing that follows can belong to the slice. */
  done = false;
  readonly #file: string;
  readonly #options: TraceOptions;
  readonly #blockTokens: number;
  #lineNumber = 0;
  #rows = 0;
  #heads = 0;
  #firstTimestampMs = Number.NaN;
  #lastTimestampMs = Number.NEGATIVE_INFINITY;
  #lastTimestampLine = 0;
  readonly #isl = new IntColumn();
  readonly #osl = new IntColumn();
  readonly #timestampMs = new FloatColumn();
  readonly #thinkMs = new FloatColumn();
  readonly #nextTurn = new IntColumn();
  readonly #turnIndex = new IntColumn();
  readonly #offset = new IntColumn();
  readonly #ids = new IntColumn();
  /** Long ids (64-bit hashes, say), numbered in order of appearance; in the column they stand as −1 − number. */
  readonly #longIds = new Map<number, number>();
  readonly #openHeads = new IntColumn();
  readonly #labels: string[] = [];
  /** Last row of each session, −1 for a session outside the slice. */
  readonly #sessions = new Map<string, number>();
  #multiTurn = false;

  constructor(file: string, options: TraceOptions) {
    checkOptions(file, options);
    this.#file = file;
    this.#options = options;
    this.#blockTokens = options.blockTokens ?? 512;
    this.#offset.push(0);
  }

  line(text: string): void {
    this.#lineNumber++;
    const where = `${this.#file}:${this.#lineNumber}`;
    if (text.length > MAX_LINE_CHARS) {
      throw traceTooLarge(
        where,
        `found a line of more than ${MAX_LINE_CHARS} characters`,
        "a trace is JSONL: one request a line",
      );
    }
    if (text.trim() === "") return;
    const row = parseTraceRow(text, where);
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
      throw traceOutOfOrder(where, timestamp, this.#lastTimestampMs, this.#lastTimestampLine);
    }
    this.#lastTimestampMs = timestamp;
    this.#lastTimestampLine = this.#lineNumber;
    if (Number.isNaN(this.#firstTimestampMs)) this.#firstTimestampMs = timestamp;
    const { fromMs = 0, toMs = Number.POSITIVE_INFINITY, skipRequests = 0 } = this.#options;
    const sinceStartMs = timestamp - this.#firstTimestampMs;
    const past = sinceStartMs >= toMs || this.#openHeads.length >= (this.#options.maxRequests ?? MAX_ROWS);
    if (past || sinceStartMs < fromMs || this.#heads++ < skipRequests) {
      // Only a kept session could still bring rows of the slice.
      if (past && this.#sessions.size === 0) this.done = true;
      if (row.sessionId !== null) this.#sessions.set(row.sessionId, -1);
      return;
    }
    const index = this.#append(row, timestamp, where);
    this.#openHeads.push(index);
    this.#turnIndex.push(0);
    this.#thinkMs.push(0);
  }

  #laterTurn(row: TraceRow, before: number, where: string): void {
    const index = this.#append(row, Number.NaN, where);
    this.#nextTurn.set(before, index);
    this.#turnIndex.push(this.#turnIndex.at(before) + 1);
    this.#thinkMs.push(row.delayMs);
    this.#multiTurn = true;
  }

  #append(row: TraceRow, timestampMs: number, where: string): number {
    const index = this.#isl.length;
    if (index >= MAX_ROWS || this.#ids.length + row.hashIds.length > MAX_IDS) {
      throw traceTooLarge(where, `found more than ${index} requests, too many to hold`, "read a slice of it");
    }
    const isl = Math.min(row.isl, this.#options.maxIsl ?? row.isl);
    const blocks = Math.ceil(isl / this.#blockTokens);
    if (row.hashIds.length > Math.ceil(row.isl / this.#blockTokens)) {
      throw traceBadField(
        where,
        "hash_ids",
        `${row.hashIds.length} ids for ${row.isl} tokens`,
        `at most ${Math.ceil(row.isl / this.#blockTokens)} ids of ${this.#blockTokens} tokens`,
        `give the trace's block size; by this line it is at most ${blockSizeGuess(row.isl, row.hashIds.length)}`,
      );
    }
    for (let i = 0; i < Math.min(blocks, row.hashIds.length); i++) {
      const id = row.hashIds[i]!;
      this.#ids.push(id <= MAX_SMALL_ID ? id : -1 - this.#longId(id));
    }
    this.#offset.push(this.#ids.length);
    this.#isl.push(isl);
    this.#osl.push(row.osl);
    this.#timestampMs.push(timestampMs);
    this.#nextTurn.push(-1);
    this.#labels.push(row.sessionId ?? "");
    if (row.sessionId !== null) this.#sessions.set(row.sessionId, index);
    return index;
  }

  #longId(id: number): number {
    let number = this.#longIds.get(id);
    if (number === undefined) {
      number = this.#longIds.size;
      this.#longIds.set(id, number);
    }
    return number;
  }

  /** The ids as read; where 64-bit hashes are among them, all of them numbered in order of appearance. */
  #promptIds(): Int32Array {
    const ids = this.#ids.toArray();
    if (this.#longIds.size === 0) return ids;
    const numbers = new Map<number, number>();
    return ids.map((id) => {
      const number = numbers.get(id) ?? numbers.size;
      numbers.set(id, number);
      return number;
    });
  }

  finish(): Workload {
    const count = this.#isl.length;
    if (count === 0) throw traceEmpty(this.#file, this.#rows);
    const { speedup = 1, fromMs, spreadMs = 0, seed = 0 } = this.#options;
    const heads = this.#openHeads.toArray();
    const arrivalMs = this.#timestampMs.toArray();
    const zeroMs = fromMs === undefined ? arrivalMs[heads[0]!]! : this.#firstTimestampMs + fromMs;
    const spread = randomStream(seed, "trace/spread");
    for (const head of heads) {
      const moved = spreadMs > 0 ? arrivalMs[head]! - zeroMs + spread.next() * spreadMs : arrivalMs[head]! - zeroMs;
      arrivalMs[head] = moved / speedup;
    }
    if (spreadMs > 0) heads.sort((a, b) => arrivalMs[a]! - arrivalMs[b]! || a - b);
    return {
      count,
      isl: this.#isl.toArray(),
      osl: this.#osl.toArray(),
      arrivalMs,
      openHeads: heads,
      closedLoops: [],
      nextTurn: this.#multiTurn ? this.#nextTurn.toArray() : null,
      thinkMs: this.#multiTurn ? this.#thinkMs.toArray() : null,
      turnIndex: this.#multiTurn ? this.#turnIndex.toArray() : null,
      sessionIds: this.#sessions.size > 0 ? this.#labels : null,
      prompts:
        this.#ids.length === 0
          ? null
          : { blockTokens: this.#blockTokens, offset: this.#offset.toArray(), ids: this.#promptIds() },
      horizonMs: arrivalMs[heads[heads.length - 1]!]!,
    };
  }
}

function blockSizeGuess(isl: number, ids: number): number {
  // ceil(isl / size) ≥ ids holds for the sizes below isl / (ids − 1).
  return ids <= 1 ? isl : Math.max(1, Math.ceil(isl / (ids - 1)) - 1);
}

function checkOptions(file: string, options: TraceOptions): void {
  const positive: [string, number | undefined, boolean][] = [
    ["blockTokens", options.blockTokens, true],
    ["speedup", options.speedup, false],
    ["maxIsl", options.maxIsl, true],
    ["maxRequests", options.maxRequests, true],
  ];
  for (const [name, value, whole] of positive) {
    if (value !== undefined && !(value > 0 && Number.isFinite(value) && (!whole || Number.isInteger(value)))) {
      throw new UserError({
        code: "SCENARIOS_TRACE_BAD_OPTION",
        where: file,
        message: `${name}: found ${value}, expected a ${whole ? "whole number" : "number"} above 0`,
      });
    }
  }
  if ((options.toMs ?? Number.POSITIVE_INFINITY) <= (options.fromMs ?? 0)) {
    throw new UserError({
      code: "SCENARIOS_TRACE_BAD_OPTION",
      where: file,
      message: `found a slice from ${options.fromMs ?? 0} ms to ${options.toMs} ms, expected an end after its start`,
    });
  }
}
