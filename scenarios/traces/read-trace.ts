import { MAX_LINE_CHARS, matchingFiles, readTextLines } from "#common";
import type { Workload } from "#scenarios/workload";
import { traceEmpty, traceTooLarge, traceUnreadable } from "../errors.ts";
import { AGENTIC_SCHEMA, AgenticReader } from "./agentic-reader.ts";
import { DynamoReader, REQUEST_TRACE_SCHEMA } from "./dynamo-reader.ts";
import { type Fields, isFields, parseFields } from "./json-row.ts";
import { MooncakeReader } from "./mooncake-reader.ts";
import { checkOptions, type TraceFormat, type TraceOptions } from "./options.ts";
import type { RowReader } from "./row-reader.ts";

/**
 * Reads a trace from memory. Time 0 is the first request kept.
 * @param file name for messages @throws UserError SCENARIOS_TRACE_… with `file:line`
 */
export function parseTrace(text: string, file: string, options: TraceOptions = {}): Workload {
  const lines = new LineReader(file, options);
  let start = text.charCodeAt(0) === 0xfeff ? 1 : 0;
  for (let number = 1; start < text.length; number++) {
    let end = text.indexOf("\n", start);
    if (end < 0) end = text.length;
    if (!lines.take(text.slice(start, end), file, number)) break;
    start = end + 1;
  }
  return lines.finish();
}

/**
 * Reads a trace file, plain or gzip, or the files that a pattern matches, in order of their names. Memory holds the requests,
 * not the files; a Mooncake trace is not read past its slice.
 * @throws UserError SCENARIOS_TRACE_… with `file:line`
 */
export function readTraceFile(path: string, options: TraceOptions = {}): Workload {
  const lines = new LineReader(path, options);
  const unreadable = (
    file: string,
    found: string,
    hint = "check the path; in a scenario it is relative to the scenario's file",
  ) => traceUnreadable(file, found, hint);
  for (const file of matchingFiles(path, unreadable)) {
    readTextLines(file, (line, number) => lines.take(line, file, number), unreadable);
  }
  return lines.finish();
}

/** Rows that are looked at, at most, for one that says which format they have. */
const LOOK_AHEAD = 1000;

/**
 * Takes lines, and finds the format by the first one with content; where that may be an agent's that waits for nobody, by the first
 * that tells.
 */
class LineReader {
  readonly #path: string;
  readonly #options: TraceOptions;
  #reader: RowReader | null = null;
  /** Rows of which the format is not known yet. */
  #held: { fields: Fields; where: string }[] = [];

  constructor(path: string, options: TraceOptions) {
    checkOptions(path, options);
    this.#path = path;
    this.#options = options;
  }

  /** @returns whether more is wanted */
  take(line: string, file: string, number: number): boolean {
    if (this.#isDone) return false;
    const where = `${file}:${number}`;
    if (line.length > MAX_LINE_CHARS) {
      const found = `found a line of more than ${MAX_LINE_CHARS} characters`;
      throw traceTooLarge(where, found, "a trace is JSONL: one request a line");
    }
    if (line.trim() === "") return true;
    const fields = parseFields(line, where);
    if (this.#reader !== null) this.#reader.row(fields, where);
    else this.#hold(fields, where);
    return !this.#isDone;
  }

  get #isDone(): boolean {
    return this.#reader?.done === true;
  }

  finish(): Workload {
    if (this.#reader === null && this.#held.length > 0) this.#open("mooncake");
    if (this.#reader === null) throw traceEmpty(this.#path, 0);
    return this.#reader.finish();
  }

  #hold(fields: Fields, where: string): void {
    this.#held.push({ fields, where });
    const format = this.#options.format ?? formatOf(fields);
    // Named rows are those that others may wait for, or just named.
    const isOpen = this.#options.format === undefined && format === "mooncake" && fields.request_id !== undefined;
    if (!isOpen || this.#held.length === LOOK_AHEAD) this.#open(format);
  }

  #open(format: TraceFormat): void {
    this.#reader = readerOf(format, this.#path, this.#options);
    const held = this.#held;
    this.#held = [];
    for (const { fields, where } of held) if (!this.#reader.done) this.#reader.row(fields, where);
  }
}

function formatOf(first: Fields): TraceFormat {
  const event = isFields(first.event) ? first.event : first;
  if (event.schema === REQUEST_TRACE_SCHEMA || event.event_type !== undefined) return "dynamo";
  const agentic = ["wait_for", "dependencies", "tool_wait_ms", "branches", "prefix_reset"];
  if (first.schema === AGENTIC_SCHEMA || agentic.some((key) => first[key] !== undefined)) return "agentic";
  return "mooncake";
}

function readerOf(format: TraceFormat, path: string, options: TraceOptions): RowReader {
  switch (format) {
    case "mooncake":
      return new MooncakeReader(path, options, false);
    case "mooncake-delta":
      return new MooncakeReader(path, options, true);
    case "agentic":
      return new AgenticReader(path, options);
    case "dynamo":
      return new DynamoReader(path, options);
  }
}
