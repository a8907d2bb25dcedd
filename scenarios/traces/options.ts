import { UserError } from "#common";

/**
 * - `mooncake`: Mooncake's JSONL, with sessions;
 * - `mooncake-delta`: the same, but later turns bring only what is new in their prompts;
 * - `agentic`: Mooncake rows that wait for others by `request_id` (Dynamo's agentic Mooncake, with or without its header);
 * - `dynamo`: Dynamo's request traces (`dynamo.request.trace.v1`).
 */
export type TraceFormat = (typeof TRACE_FORMATS)[number];

export const TRACE_FORMATS = ["mooncake", "mooncake-delta", "agentic", "dynamo"] as const;

/** What to take of a trace, and how fast to play it. */
export interface TraceOptions {
  /** Absent: by the first line, which tells all but `mooncake-delta` apart. */
  format?: TraceFormat;
  /** Tokens a hash id stands for; by default what the trace says, else 512 (Mooncake's). */
  blockTokens?: number;
  /** Of `mooncake-delta`: the finest block that anybody asks of, a divisor of the trace's; by default 64 tokens where it is one. */
  grainTokens?: number;
  /** Divides arrival times; delays between requests stay. Default 1. */
  speedup?: number;
  /** The run begins at the earliest time that any row has, those of requests that wait for others, too; for whole traces. Default false: at the first request. */
  fromEarliestRow?: boolean;
  /** Slice of the trace's own time, counted from its first request, before the speed-up; ms. `fromMs` becomes time 0. */
  fromMs?: number;
  toMs?: number;
  /** Slice by count of requests (a session counts once, by its first request). */
  skipRequests?: number;
  maxRequests?: number;
  /** Width of the buckets the timestamps were rounded down to, ms: each request moves by a uniform draw in it. */
  spreadMs?: number;
  /** Longer prompts are cut to this length, tokens. */
  maxIsl?: number;
  /** For `spreadMs`. */
  seed?: number | string;
}

/** Tokens of a block in Mooncake's traces. */
export const MOONCAKE_BLOCK = 512;

/** @throws UserError SCENARIOS_TRACE_BAD_OPTION */
export function checkOptions(file: string, options: TraceOptions): void {
  const positive: [string, number | undefined, boolean][] = [
    ["blockTokens", options.blockTokens, true],
    ["speedup", options.speedup, false],
    ["maxIsl", options.maxIsl, true],
    ["maxRequests", options.maxRequests, true],
  ];
  for (const [name, value, whole] of positive) {
    if (value !== undefined && !(value > 0 && Number.isFinite(value) && (!whole || Number.isInteger(value)))) {
      throw badOption(file, `${name}: found ${value}, expected a ${whole ? "whole number" : "number"} above 0`);
    }
  }
  if ((options.toMs ?? Number.POSITIVE_INFINITY) <= (options.fromMs ?? 0)) {
    throw badOption(
      file,
      `found a slice from ${options.fromMs ?? 0} ms to ${options.toMs} ms, expected an end after its start`,
    );
  }
}

function badOption(where: string, message: string): UserError {
  return new UserError({ code: "SCENARIOS_TRACE_BAD_OPTION", where, message });
}
