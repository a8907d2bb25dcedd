import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { asClosedLoop, type PromptBlocks, readTraceFile, type Workload } from "#scenarios";
import { poissonArrivalsMs, prefixGroups, sharedPrefixBlocks } from "./arrivals.ts";
import type { DynosimCase } from "./case.ts";
import { dynosimBadCase, missingBesideCase } from "./errors.ts";
import { isAgenticTrace, isDeltaTrace } from "./support.ts";

/** Tokens a hash id stands for where a trace case does not say (Mooncake's traces). */
const DEFAULT_TRACE_BLOCK_TOKENS = 512;

/**
 * The requests that a recorded run replayed: made again from its arguments, or read from the trace beside it.
 * @throws UserError CONFORMANCE_MISSING_FILE, CONFORMANCE_DYNOSIM_BAD_CASE, SCENARIOS_TRACE_…
 */
export function dynosimWorkload(run: DynosimCase): Workload {
  const { arguments: call } = run;
  const isTrace = call.trace_files !== undefined;
  const open = call.trace_files === undefined ? syntheticWorkload(run) : traceWorkload(run, call.trace_files);
  const concurrency = call.replay_concurrency ?? null;
  return concurrency === null ? open : closeLoop(open, concurrency, isTrace);
}

/**
 * Sessions in input order, so many in flight; the trace's own times do not count. Requests of a trace become sessions of
 * one turn, numbered from 1.
 */
function closeLoop(open: Workload, concurrency: number, isTrace: boolean): Workload {
  const labels = () => Array.from({ length: open.count }, (_, i) => `request_${i + 1}`);
  return {
    ...open,
    sessionIds: open.sessionIds ?? (isTrace ? labels() : null),
    arrivalMs: new Float64Array(open.count).fill(Number.NaN),
    openHeads: new Int32Array(0),
    closedLoops: [{ concurrency, heads: open.openHeads, startMs: 0, endMs: Number.POSITIVE_INFINITY }],
    horizonMs: 0,
  };
}

function traceWorkload(run: DynosimCase, name: string): Workload {
  const path = join(dirname(run.file), name);
  if (!existsSync(path)) throw missingBesideCase(run.file, name);
  if (isAgenticTrace(run.arguments.trace_format)) return agenticWorkload(run, path);
  const blockTokens = run.arguments.trace_block_size ?? DEFAULT_TRACE_BLOCK_TOKENS;
  const workload = readTraceFile(path, {
    format: isDeltaTrace(run.arguments.trace_format) ? "mooncake-delta" : "mooncake",
    blockTokens,
    grainTokens: commonDivisor(blockTokens, run.decode.engine.block_size),
    speedup: run.arguments.arrival_speedup_ratio ?? 1,
  });
  if (isClosed(run)) return workload;
  // DynoSim knows of sessions in an open loop only where one has several turns.
  const sessionIds = workload.nextTurn?.some((next) => next >= 0) ? workload.sessionIds : null;
  return { ...workload, sessionIds, thinkMs: workload.thinkMs?.map((waitMs) => waitMs / speedupOf(run)) ?? null };
}

/**
 * Requests that wait for each other, from the earliest time of any row on; what they wait is played faster, too. With lanes, so many trees
 * of them at a time, in the order of the rows.
 */
function agenticWorkload(run: DynosimCase, path: string): Workload {
  const { agentic_lanes: lanes } = run.arguments;
  const read = readTraceFile(path, { format: "agentic", fromEarliestRow: true, speedup: speedupOf(run) });
  const delayMs = read.dependencies?.delayMs.map((waitMs) => waitMs / speedupOf(run));
  const workload = delayMs === undefined ? read : { ...read, dependencies: { ...read.dependencies!, delayMs } };
  if (typeof lanes !== "number") return workload;
  const closed = asClosedLoop(workload, lanes);
  return { ...closed, closedLoops: closed.closedLoops.map((loop) => ({ ...loop, heads: loop.heads.toSorted() })) };
}

function commonDivisor(a: number, b: number): number {
  return b === 0 ? a : commonDivisor(b, a % b);
}

function isClosed({ arguments: call }: DynosimCase): boolean {
  return (call.replay_concurrency ?? null) !== null;
}

/** How much faster arrivals and the waits between turns are played: in an open loop alone. */
function speedupOf(run: DynosimCase): number {
  return isClosed(run) ? 1 : (run.arguments.arrival_speedup_ratio ?? 1);
}

function syntheticWorkload(run: DynosimCase): Workload {
  const { input_tokens: isl, output_tokens: osl, request_count: sessions } = run.arguments;
  if (isl === undefined || osl === undefined || sessions === undefined) {
    throw dynosimBadCase(run.file, "found neither trace_files nor input_tokens, output_tokens and request_count");
  }
  const turns = run.arguments.turns_per_session ?? 1;
  const count = sessions * turns;
  const prompts = sharedPrefixes(run, isl, sessions, turns);
  const arrivals = sessionArrivalsMs(run, sessions);
  const arrivalMs = new Float64Array(count).fill(Number.NaN);
  const openHeads = new Int32Array(sessions);
  for (let session = 0; session < sessions; session++) {
    openHeads[session] = session * turns;
    arrivalMs[session * turns] = arrivals[session]!;
  }
  const labelled = turns > 1 || prompts !== null;
  const turnOf = new Int32Array(count);
  for (let i = 0; i < count; i++) turnOf[i] = i % turns;
  return {
    count,
    isl: new Int32Array(count).fill(isl),
    osl: new Int32Array(count).fill(osl),
    arrivalMs,
    openHeads,
    closedLoops: [],
    nextTurn: turns > 1 ? turnOf.map((turn, i) => (turn + 1 < turns ? i + 1 : -1)) : null,
    thinkMs: turns > 1 ? Float64Array.from(turnOf, (turn) => thinkMs(run, turn)) : null,
    turnIndex: turns > 1 ? turnOf : null,
    sessionIds: labelled ? Array.from({ length: count }, (_, i) => `session_${Math.floor(i / turns)}`) : null,
    prompts,
    horizonMs: arrivals[sessions - 1] ?? 0,
  };
}

function thinkMs(run: DynosimCase, turn: number): number {
  return turn === 0 ? 0 : (run.arguments.inter_turn_delay_ms ?? 0) / speedupOf(run);
}

function sessionArrivalsMs(run: DynosimCase, sessions: number): Float64Array {
  const { request_rate: rate, arrival_interval_ms: interval, arrival_seed: seed } = run.arguments;
  if (rate !== undefined && rate !== null) {
    return poissonArrivalsMs(sessions, rate, seed ?? undefined).map((atMs) => atMs / speedupOf(run));
  }
  return Float64Array.from({ length: sessions }, (_, i) => (i * (interval ?? 0)) / speedupOf(run));
}

/** The leading blocks of a prompt are its group's; all later ones are nobody else's and need no id. */
function sharedPrefixes(run: DynosimCase, isl: number, sessions: number, turns: number): PromptBlocks | null {
  const { shared_prefix_ratio: ratio, num_prefix_groups: groups } = run.arguments;
  if (!ratio || !groups) return null;
  const blockTokens = run.decode.engine.block_size;
  const shared = sharedPrefixBlocks(isl, blockTokens, ratio);
  const groupOf = prefixGroups(sessions, groups);
  const count = sessions * turns;
  const ids = new Int32Array(count * shared);
  for (let i = 0; i < ids.length; i++) {
    const session = Math.floor(i / shared / turns);
    ids[i] = groupOf[session]! * shared + (i % shared);
  }
  return { blockTokens, offset: Int32Array.from({ length: count + 1 }, (_, i) => i * shared), ids };
}
