import type { DynosimAdmission, DynosimRecord } from "./case.ts";
import { type PairingMode, pairRecords } from "./pairing.ts";

/** Largest relative difference at which two times, rates or ratios count as equal. */
export const RELATIVE_TOLERANCE = 1e-6;
/** Deviations of samples that are equal but for their last bits; relative to the mean. */
const NO_DEVIATION = 1e-9;

/** What a comparison of one run came to. */
export interface Comparison {
  /** Over all times, rates and ratios that both sides have. */
  largestRelativeError: number;
  /** The first difference beyond the tolerance, in words, or null. */
  firstDifference: string | null;
  differences: number;
}

const TEXTS = ["terminal_status"] as const;
const COUNTS = [
  "input_length",
  "requested_output_length",
  "output_length",
  "reused_input_tokens",
  "prefill_worker_idx",
  "decode_worker_idx",
  "decode_reused_input_tokens",
  "admission_count",
  "readmission_count",
  "turn_index",
] as const;
const TIMES = [
  "arrival_time_ms",
  "first_admit_ms",
  "prefill_admit_ms",
  "source_held_ms",
  "destination_reserved_ms",
  "destination_activated_ms",
  "decode_admit_ms",
  "source_released_ms",
  "first_token_ms",
  "last_token_ms",
  "terminal_time_ms",
  "ttft_ms",
  "ttst_ms",
  "itl_ms",
  "e2e_latency_ms",
] as const;

/** Collects differences and the largest relative error. */
class Differences implements Comparison {
  largestRelativeError = 0;
  firstDifference: string | null = null;
  differences = 0;

  note(text: string): void {
    this.differences++;
    this.firstDifference ??= text;
  }

  exact(where: string, found: unknown, expected: unknown): void {
    if (found !== expected) this.note(`${where}: ${show(found)} instead of ${show(expected)}`);
  }

  /** @param floor differences up to this are rounding noise */
  close(where: string, found: number | null, expected: number | null, floor = 0): void {
    if (found === null || expected === null) {
      this.exact(where, found, expected);
      return;
    }
    const difference = Math.abs(found - expected);
    if (difference <= floor) return;
    const error = difference / Math.max(Math.abs(found), Math.abs(expected));
    this.largestRelativeError = Math.max(this.largestRelativeError, Number.isNaN(error) ? Infinity : error);
    if (!(error <= RELATIVE_TOLERANCE)) this.note(`${where}: ${show(found)} instead of ${show(expected)}`);
  }

  add(other: Comparison): void {
    this.largestRelativeError = Math.max(this.largestRelativeError, other.largestRelativeError);
    this.firstDifference ??= other.firstDifference;
    this.differences += other.differences;
  }
}

/**
 * Compares two runs request by request: counts exactly, times to 1e-6 relative. Requests are paired by uuid where DynoSim
 * numbers them, else by session and turn; where that leaves differences, or without sessions, as a multiset, for uuids are
 * random there and the order of equal arrivals is, too.
 */
export function compareRecords(found: DynosimRecord[], expected: DynosimRecord[]): Comparison {
  if (found.length !== expected.length) {
    const result = new Differences();
    result.note(`${found.length} requests instead of ${expected.length}`);
    return result;
  }
  const modes: PairingMode[] = [];
  if (expected.every((record) => /^0{8}-0{4}-0{4}-0{4}-/.test(record.uuid))) modes.push("uuid");
  else if (expected.every((record) => record.session_id !== null)) modes.push("session", "multiset");
  else modes.push("multiset");
  let best: Comparison | null = null;
  for (const mode of modes) {
    const result = comparePaired(found, expected, mode);
    if (best === null || result.differences < best.differences) best = result;
    if (best.differences === 0) break;
  }
  return best!;
}

function comparePaired(found: DynosimRecord[], expected: DynosimRecord[], mode: PairingMode): Comparison {
  const result = new Differences();
  for (const [a, b] of pairRecords(found, expected, mode)) {
    if (a === null || b === null) {
      const record = (a ?? b)!;
      result.note(`${name(record)}: ${a === null ? "missing" : "not in the recorded run"}`);
    } else {
      compareRecord(a, b, result);
    }
  }
  return result;
}

function compareRecord(found: DynosimRecord, expected: DynosimRecord, result: Differences): void {
  const where = name(expected);
  for (const key of TEXTS) result.exact(`${where} ${key}`, found[key], expected[key]);
  for (const key of COUNTS) result.exact(`${where} ${key}`, found[key], expected[key]);
  for (const key of TIMES) result.close(`${where} ${key}`, found[key], expected[key]);
  compareAdmissions(where, found.admission_history, expected.admission_history, result);
}

function compareAdmissions(
  where: string,
  found: DynosimAdmission[],
  expected: DynosimAdmission[],
  result: Differences,
): void {
  for (let i = 0; i < Math.min(found.length, expected.length); i++) {
    const a = found[i]!;
    const b = expected[i]!;
    const place = `${where} admission ${i}`;
    result.exact(`${place} pool`, a.pool, b.pool);
    result.close(`${place} at_ms`, a.at_ms, b.at_ms);
    result.exact(`${place} reused_input_tokens`, a.reused_input_tokens, b.reused_input_tokens);
    result.exact(`${place} is_readmission`, a.is_readmission, b.is_readmission);
  }
}

/** Summary fields that count something: compared exactly. */
const SUMMARY_COUNTS = new Set([
  "committed_prefill_tokens",
  "num_requests",
  "completed_requests",
  "total_input_tokens",
  "total_output_tokens",
  "processed_tokens",
  "prefill_gpus_per_worker",
  "decode_gpus_per_worker",
  "num_ttft_samples",
  "num_tpot_samples",
  "num_e2e_latency_samples",
  "goodput_completed_requests",
]);
/** Fields of the wall clock. */
const NOT_COMPARABLE = new Set(["wall_time_ms", "processed_tokens_per_s", "processed_output_tokens_per_s"]);

/** Of whole agents, not of requests. */
const OF_AGENTS = /^agentic_|trajector/;

/** Compares every numeric field of a recorded summary; counts exactly, everything else to 1e-6 relative. */
export function compareSummaries(found: Record<string, number>, expected: Record<string, unknown>): Comparison {
  const result = new Differences();
  for (const [key, value] of Object.entries(expected)) {
    if (typeof value !== "number" || NOT_COMPARABLE.has(key) || OF_AGENTS.test(key)) continue;
    const own = found[key];
    const where = `summary ${key}`;
    if (own === undefined) result.note(`${where}: missing`);
    else if (SUMMARY_COUNTS.has(key)) result.exact(where, own, value);
    else result.close(where, own, value, key.startsWith("std_") ? deviationFloor(key, expected) : 0);
  }
  return result;
}

function deviationFloor(key: string, summary: Record<string, unknown>): number {
  const mean = summary[key.replace("std_", "mean_")];
  return typeof mean === "number" ? Math.abs(mean) * NO_DEVIATION : 0;
}

/** All comparisons of a run as one; the first difference is that of the first that has one. */
export function joinComparisons(...parts: Comparison[]): Comparison {
  const all = new Differences();
  for (const part of parts) all.add(part);
  return all;
}

function name(record: DynosimRecord): string {
  if (record.session_id !== null) return `session ${record.session_id} turn ${record.turn_index}`;
  if (/^0{8}-/.test(record.uuid)) return `request ${Number.parseInt(record.uuid.slice(-12), 16)}`;
  return `request of ${record.input_length}/${record.requested_output_length} tokens at ${record.arrival_time_ms} ms`;
}

function show(value: unknown): string {
  return typeof value === "string" || typeof value === "number" ? String(value) : JSON.stringify(value ?? null);
}
