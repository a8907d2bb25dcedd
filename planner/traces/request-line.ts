import { traceBadLine } from "./errors.ts";

/** One request of a trace: when it came, and its lengths in tokens. */
export interface TraceRequest {
  /** ms on the trace's own clock. */
  timestampMs: number;
  isl: number;
  osl: number;
}

/** A line and the clock that its time is told by: a trace's own (Mooncake), or time since 1970 (Dynamo). */
export interface TraceLine {
  request: TraceRequest;
  clock: "relative" | "unix";
}

type Fields = Record<string, unknown>;

const DYNAMO_SCHEMA = "dynamo.request.trace.v1";

/**
 * Reads one line: a request in Mooncake's format (`timestamp` ms, `input_length`, `output_length`), or an event of Dynamo's
 * request trace (`request_end` with `request.request_received_ms`, `request.replay.input_length`, `request.output_tokens`), bare
 * or wrapped as Dynamo's recorder writes it. null for events that are no requests, and for later turns without a time.
 * @param where `file:line` @throws UserError PLANNER_TRACE_BAD_LINE
 */
export function parseRequestLine(line: string, where: string): TraceLine | null {
  const row = parseObject(line, where);
  const event = isFields(row.event) ? row.event : row;
  if (event.schema === DYNAMO_SCHEMA || event.event_type !== undefined) return dynamoRequest(event, where);
  if (row.timestamp === undefined && row.session_id !== undefined) return null;
  const request = {
    timestampMs: amount(row, "timestamp", where),
    isl: amount(row, "input_length", where),
    osl: amount(row, "output_length", where),
  };
  return { request, clock: "relative" };
}

function dynamoRequest(event: Fields, where: string): TraceLine | null {
  if (event.event_type !== "request_end") return null;
  const request = isFields(event.request) ? event.request : {};
  const replay = isFields(request.replay) ? request.replay : {};
  const isl =
    replay.input_length === undefined ? amount(request, "input_tokens", where) : amount(replay, "input_length", where);
  return {
    request: {
      timestampMs: amount(request, "request_received_ms", where),
      isl,
      osl: amount(request, "output_tokens", where),
    },
    clock: "unix",
  };
}

function parseObject(line: string, where: string): Fields {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw traceBadLine(where, `text that is no JSON: ${JSON.stringify(line.slice(0, 40))}`, "a JSON object");
  }
  if (!isFields(value)) throw traceBadLine(where, JSON.stringify(value).slice(0, 40), "a JSON object");
  return value;
}

function amount(fields: Fields, name: string, where: string): number {
  const value = fields[name];
  if (typeof value === "number" && Number.isFinite(value) && value >= 0) return value;
  throw traceBadLine(where, `${name}: ${JSON.stringify(value) ?? "nothing"}`, "a number of 0 or more");
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
