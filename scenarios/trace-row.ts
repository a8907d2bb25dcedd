import { nearest } from "#common";
import { traceBadField, traceBadJson } from "./errors.ts";

const MAX_TOKENS = 2 ** 31 - 1;

/** One line of a trace, checked. */
export interface TraceRow {
  /** ms; NaN where the line has none (later turns). */
  timestampMs: number;
  isl: number;
  osl: number;
  /** Content ids of the prompt's blocks, first to last; empty: unique. */
  hashIds: number[];
  sessionId: string | null;
  /** Wait after the turn before, ms. */
  delayMs: number;
}

/**
 * Reads one JSON line in Mooncake's format (Mooncake FAST'25 trace release: `timestamp` ms, `input_length`, `output_length`,
 * `hash_ids`) with `session_id` and `delay`/`delay_ms` of AIPerf's and DynoSim's dialects. Other keys are data of others.
 * @param where `file:line` @throws UserError SCENARIOS_TRACE_BAD_JSON, SCENARIOS_TRACE_BAD_FIELD
 */
export function parseTraceRow(line: string, where: string): TraceRow {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (error) {
    throw badJson(where, error);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw traceBadJson(where, `a JSON ${Array.isArray(value) ? "array" : value === null ? "null" : typeof value}`);
  }
  const row = value as Record<string, unknown>;
  const session = row.session_id;
  if (session !== undefined && session !== null && typeof session !== "string" && typeof session !== "number") {
    throw traceBadField(where, "session_id", session, "a string or a number");
  }
  return {
    timestampMs: optionalTime(row, "timestamp", where) ?? Number.NaN,
    isl: tokens(row, "input_length", where),
    osl: tokens(row, "output_length", where),
    hashIds: hashIds(row, where),
    sessionId: session === undefined || session === null ? null : String(session),
    delayMs: optionalTime(row, "delay_ms", where) ?? optionalTime(row, "delay", where) ?? 0,
  };
}

function badJson(where: string, error: unknown): Error {
  const text = error instanceof Error ? error.message : String(error);
  const position = /position (\d+)/.exec(text)?.[1];
  // V8 quotes the line in some of its messages and counts the position in others.
  const reason =
    text.replace(/, (\.\.\.)?".*is not valid JSON$| in JSON at position.*$| \(line.*$/s, "").split("\n")[0] ?? "";
  const column = position === undefined ? "" : `:${Number(position) + 1}`;
  return traceBadJson(`${where}${column}`, [...reason].slice(0, 80).join(""));
}

function tokens(row: Record<string, unknown>, key: string, where: string): number {
  const value = row[key];
  if (typeof value === "number" && Number.isInteger(value) && value >= 1 && value <= MAX_TOKENS) return value;
  let hint: string | undefined;
  if (value === undefined) {
    const near = nearest(key, Object.keys(row));
    if (near !== undefined) hint = `did you mean "${key}" by "${near}"?`;
    else if (key === "input_length" && "text_input" in row) {
      hint = "texts are not tokenised: give the prompt's length in tokens as input_length";
    }
  }
  throw traceBadField(where, key, value, "a whole number of tokens, at least 1", hint);
}

function optionalTime(row: Record<string, unknown>, key: string, where: string): number | undefined {
  const value = row[key];
  if (value === undefined || value === null) return undefined;
  if (typeof value === "number" && Number.isFinite(value) && value >= 0) return value;
  throw traceBadField(where, key, value, "milliseconds, 0 or more");
}

function hashIds(row: Record<string, unknown>, where: string): number[] {
  const value = row.hash_ids;
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw traceBadField(where, "hash_ids", value, "a list of whole numbers");
  for (let i = 0; i < value.length; i++) {
    const id: unknown = value[i];
    if (typeof id !== "number" || !Number.isInteger(id) || id < 0) {
      throw traceBadField(where, `hash_ids[${i}]`, id, "a whole number, 0 or more");
    }
  }
  return value as number[];
}
