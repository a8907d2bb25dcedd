/** One process per measurement: nothing of one run is left in the next, and peak memory and CPU are the row's own. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { toolCache } from "../scripts/test-tools.ts";
import type { BenchRow } from "./rows.ts";

/** What a measured process tells about its row. */
export interface Measurement {
  summary: Record<string, number>;
  perRequestRows: number | null;
  /** CPU seconds (user and system, all threads) of the replay and its summary. */
  runCpuSeconds: number;
  /** CPU seconds of the whole process, start-up included. */
  processCpuSeconds: number;
  /** Largest resident set of the whole process, bytes. */
  peakRssBytes: number;
}

export interface UnderstudyMeasurement extends Measurement {
  passes: number;
  steadyPasses: number;
  skippedPasses: number;
  preemptions: number;
  prefixHitTokens: number;
}

/**
 * Compiled modules are kept from run to run, as the command line keeps them, and Python its own: `warmUp` fills it. DynoSim would log every
 * choice of its router.
 */
const environment = { ...process.env, DYN_LOG: "error", NODE_COMPILE_CACHE: toolCache("bench-compile-cache") };

const path = (file: string) => fileURLToPath(new URL(file, import.meta.url));

/** Replays the row with our simulator, per-request output on. */
export async function measureUnderstudy(row: BenchRow): Promise<UnderstudyMeasurement> {
  return (await measure(process.execPath, [path("understudy-row.ts")], row)) as UnderstudyMeasurement;
}

/** One small run of each simulator that counts for nothing: afterwards the files and compiled modules of both are cached. */
export async function warmUp(python: string | null, row: BenchRow): Promise<void> {
  const small = { ...row, args: { ...row.args, request_count: 100 } };
  await measureUnderstudy(small);
  if (python !== null) await measureDynosim(python, small, true);
}

/** Replays the row with DynoSim. @param python of an environment that has ai-dynamo */
export async function measureDynosim(python: string, row: BenchRow, perRequest: boolean): Promise<Measurement> {
  return (await measure(python, [path("dynosim_row.py")], dynosimCall(row, perRequest))) as Measurement;
}

function dynosimCall({ args, kwargs, engines, router, trace }: BenchRow, perRequest: boolean) {
  const { input_tokens, output_tokens, request_count } = args;
  return {
    args: trace === undefined ? [input_tokens, output_tokens, request_count] : [trace.file],
    kwargs: {
      ...kwargs,
      ...engines,
      replay_mode: "offline",
      capture_per_request: perRequest,
      ...(router === undefined ? {} : { router_mode: router }),
      ...(trace === undefined ? {} : { trace_block_size: trace.blockTokens }),
    },
  };
}

/** What DynoSim makes of a row, request by request, as a recorded case. */
export async function recordDynosim(python: string, row: BenchRow): Promise<unknown> {
  const { kwargs, args } = dynosimCall(row, true);
  const recorded = await measure(python, [path("dynosim_row.py")], { args, kwargs, records: true });
  const { summary, records } = recorded as { summary: unknown; records: unknown };
  return {
    name: row.name,
    call: { args: row.args, kwargs },
    normalized_engine_args: row.engines,
    summary,
    per_request: records,
  };
}

/** What a process of its own prints as JSON. @param input what it is told on stdin, as JSON; absent: nothing */
export async function measure(command: string, args: string[], input?: unknown): Promise<unknown> {
  const child = spawn(command, args, { env: environment, stdio: ["pipe", "pipe", "pipe"] });
  child.stdin.end(input === undefined ? "" : JSON.stringify(input));
  const [stdout, stderr, [code, signal]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, "exit"),
  ]);
  if (code !== 0)
    throw new Error(`${args.join(" ")} ended with ${signal ?? `exit code ${code}`}:\n${stderr.slice(-2000)}`);
  return JSON.parse(stdout);
}
