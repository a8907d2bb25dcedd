import type { RequestHints } from "#scenarios/workload";
import { type Fields, hashIds, optionalHints, optionalName, optionalTime, tokens } from "./json-row.ts";

/** One line of a trace, checked. */
export interface TraceRow {
  /** ms; NaN where the line has none (later turns). */
  timestampMs: number;
  isl: number;
  osl: number;
  /** Content ids of the prompt's blocks, first to last; empty: unique. */
  hashIds: number[];
  sessionId: string | null;
  /** Wait after the turn before, ms; null where the line does not say. */
  delayMs: number | null;
  /** What it tells routers; undefined: nothing. */
  hints: RequestHints | undefined;
}

/**
 * Reads one row of Mooncake's format (Mooncake FAST'25 trace release: `timestamp` ms, `input_length`, `output_length`,
 * `hash_ids`) with `session_id` and `delay`/`delay_ms` of AIPerf's and DynoSim's dialects. Other keys are data of others.
 * @param where `file:line` @throws UserError SCENARIOS_TRACE_BAD_FIELD
 */
export function mooncakeRow(row: Fields, where: string): TraceRow {
  return {
    timestampMs: optionalTime(row, "timestamp", where) ?? Number.NaN,
    isl: tokens(row, "input_length", where),
    osl: tokens(row, "output_length", where),
    hashIds: hashIds(row, "hash_ids", where),
    sessionId: optionalName(row, "session_id", where),
    delayMs: optionalTime(row, "delay_ms", where) ?? optionalTime(row, "delay", where) ?? null,
    hints: optionalHints(row, where),
  };
}
