import { closeSync, openSync, readSync, statSync } from "node:fs";
import type { LoadValues } from "#planner/predictors";
import { loadHistory, readRequestTrace, type TraceRequest } from "#planner/traces";
import { readTraceFile, type Workload } from "#scenarios";

const HEAD_BYTES = 65_536;

/**
 * A trace as traffic to play. One plain Mooncake file keeps its shared prefixes and sessions; of other traces (Dynamo's, gzip, folders,
 * patterns) times and lengths are known, and every prompt is unique.
 * @throws UserError SCENARIOS_TRACE_…, PLANNER_TRACE_… with `file:line`
 */
export function playedTrace(path: string, onProgress: (requests: number) => void): Workload {
  return isPlainMooncake(path) ? readTraceFile(path) : uniquePrompts(readRequestTrace(path, onProgress));
}

function isPlainMooncake(path: string): boolean {
  if (statSync(path, { throwIfNoEntry: false })?.isFile() !== true) return false;
  const buffer = new Uint8Array(HEAD_BYTES);
  const handle = openSync(path, "r");
  try {
    const head = new TextDecoder().decode(buffer.subarray(0, readSync(handle, buffer)));
    const first = head.split("\n").find((line) => line.trim() !== "");
    return first !== undefined && /^\s*\{/.test(first) && first.includes('"input_length"') && !first.includes('"event');
  } finally {
    closeSync(handle);
  }
}

function uniquePrompts(requests: TraceRequest[]): Workload {
  const sorted = requests.toSorted((a, b) => a.timestampMs - b.timestampMs);
  const count = sorted.length;
  const firstMs = sorted[0]!.timestampMs;
  return {
    count,
    isl: Int32Array.from(sorted, ({ isl }) => Math.max(1, isl)),
    osl: Int32Array.from(sorted, ({ osl }) => Math.max(1, osl)),
    arrivalMs: Float64Array.from(sorted, ({ timestampMs }) => timestampMs - firstMs),
    openHeads: Int32Array.from(sorted, (_, i) => i),
    closedLoops: [],
    nextTurn: null,
    thinkMs: null,
    turnIndex: null,
    sessionIds: null,
    prompts: null,
    horizonMs: sorted.at(-1)!.timestampMs - firstMs,
  };
}

/** The offered load by interval from time 0. Later turns of a session arrive when the one before has ended, so no trace knows when. */
export function offeredLoads(workload: Workload, intervalS: number): LoadValues[] {
  const heads = Array.from(workload.openHeads, (i) => ({
    timestampMs: workload.arrivalMs[i]!,
    isl: workload.isl[i]!,
    osl: workload.osl[i]!,
  }));
  const known = loadHistory(heads, intervalS);
  const before = Math.floor(heads[0]!.timestampMs / 1000 / intervalS);
  return [...Array.from({ length: before }, () => ({ requests: 0, isl: Number.NaN, osl: Number.NaN })), ...known];
}

/** Intervals that the trace fills; its end cuts the last one off unless it falls into its last tenth. */
export function wholeIntervals(workload: Workload, intervalS: number, intervals: number): number {
  const lastMs = workload.arrivalMs[workload.openHeads.at(-1)!]!;
  const filled = lastMs / 1000 / intervalS - (intervals - 1);
  return filled >= 0.9 ? intervals : Math.max(1, intervals - 1);
}
