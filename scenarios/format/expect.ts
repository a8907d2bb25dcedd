import { z } from "zod";
import { parseDurationMs, SHARE_MEASURES, UserError } from "#common";
import { roleOf } from "#scenarios/workload";
import type { Comparator, Expectation, ReplicasWhen } from "../expect.ts";
import { duration } from "./values.ts";

/** What may be asserted, by name. Times are written as durations and compared in ms. */
const COUNTS = {
  requests: "Requests that were sent",
  completed: "Requests that were answered in full",
  errors: "Requests that were rejected or failed",
  rejected: "Requests that were refused because they can never be served",
  failed: "Requests that broke off, or that everybody gave up on",
  retried: "Requests that were given to workers more than once",
  attempts: "Times that requests were given to workers, first times and retries",
  unfinished: "Requests without an end when the run ended",
  preemptions: "Times a sequence had to yield its KV blocks",
  scaleEvents: "Changes of a role's wanted workers",
  slaAttainment: "Requests that met TTFT and ITL, as a share of the feasible ones (0..1)",
  ttftAttainment: "Requests that met the TTFT, as a share of the feasible ones (0..1)",
  itlAttainment: "Requests that met the ITL, as a share of the feasible ones (0..1)",
  goodput: "Requests per second that met the SLA",
  goodputPerGpu: "Requests that met the SLA, per GPU-second",
  requestThroughput: "Completed requests per second",
  outputThroughput: "Output tokens per second",
  gpuHours: "GPU-hours allocated",
  averageGpus: "GPUs allocated on average",
  peakGpus: "Most GPUs allocated at one time",
  prefixHitRate: "Prompt tokens found in a prefix cache, as a share of all (0..1)",
  routerHitRate: "Prompt tokens that the KV router knew to be cached where it sent them, as a share of all (0..1)",
  routerRegretRate:
    "Prompt tokens that the KV router knew to be cached, but on another worker alone, as a share of all (0..1)",
} as const;

const SHARES: ReadonlySet<string> = new Set<keyof typeof COUNTS>(SHARE_MEASURES);

const LATENCIES = {
  ttft: "Time to first token",
  ttfo: "Time to first token that is not reasoning; where nothing reasons, to the first token",
  itl: "Inter-token latency of a request (mean over its tokens)",
  e2e: "Time from arrival to last token",
} as const;

export const LATENCY_STATISTICS = ["mean", "p50", "p75", "p90", "p95", "p99", "max"] as const;

const CONDITION = /^\s*(>=|<=|==|=|>|<)?\s*(\S.*?)\s*$/;

interface Condition {
  comparator: Comparator;
  value: number;
  text: string;
}

/** `">= 0.98"`, `0` (which is `== 0`, or `bare` 0), or a list of such, all of which must hold. */
function conditions(description: string, parse: (text: string) => number, example: string, bare: Comparator = "==") {
  const one = z
    .union([z.string(), z.number()], { error: `expected a condition such as ${example}` })
    .transform((written, context): Condition => {
      const [, sign = bare, operand = ""] = CONDITION.exec(String(written)) ?? [];
      const comparator = (sign === "=" ? "==" : sign) as Comparator;
      try {
        const value = parse(operand);
        if (Number.isFinite(value)) return { comparator, value, text: `${comparator} ${operand}` };
        context.issues.push({ code: "custom", message: `expected a condition such as ${example}`, input: written });
      } catch (error) {
        if (!(error instanceof UserError)) throw error;
        const params = { hint: `such as ${example}` };
        context.issues.push({ code: "custom", message: error.message, input: written, params });
      }
      return z.NEVER;
    });
  return z
    .union([one, z.array(one).min(1)])
    .transform((written) => (Array.isArray(written) ? written : [written]))
    .optional()
    .meta({ description, examples: [example.replaceAll('"', "")] });
}

function parseNumber(text: string): number {
  return /^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$/.test(text) ? Number(text) : Number.NaN;
}

/** Shares are written as such: 98 would be more than can be, whatever it was meant to say. */
function parseShare(text: string): number {
  const share = parseNumber(text);
  if (Number.isNaN(share) || (share >= 0 && share <= 1)) return share;
  throw new UserError({ code: "SCENARIOS_INVALID", message: "expected a share of 0 to 1" });
}

const numeric = (description: string) => conditions(description, parseNumber, '">= 0.98"');
const shareOf = (description: string) => conditions(description, parseShare, '">= 0.98"');
const time = (description: string) => conditions(description, (text) => parseDurationMs(text), '"<= 200ms"');

const recovery = conditions(
  "Time from a fault until requests keep the SLA again, the longest of all faults",
  (text) => parseDurationMs(text),
  "60s",
  "<=",
);

type Numeric = ReturnType<typeof numeric>;

const latency = z.strictObject(
  Object.fromEntries(LATENCY_STATISTICS.map((name) => [name, time(`${name} over all requests`)])) as Record<
    (typeof LATENCY_STATISTICS)[number],
    Numeric
  >,
);

const runTime = (description: string) =>
  z
    .union([z.literal("end").transform(() => Number.POSITIVE_INFINITY), duration(description)])
    .optional()
    .meta({ description: `${description}, or end: the end of the run` });

const replicas = z.array(
  z
    .strictObject({
      at: runTime("At this time, from the start of the run"),
      from: runTime("From this time on; the start of the run by default"),
      until: runTime("At all times up to this one"),
      by: runTime("At some time up to this one"),
      prefill: numeric("Prefill workers that are ready"),
      decode: numeric("Decode workers that are ready"),
      agg: numeric("Workers that are ready, in aggregated mode"),
    })
    .refine((row) => row.prefill !== undefined || row.decode !== undefined || row.agg !== undefined, {
      error: "expected at least one of prefill, decode and agg",
    })
    .refine((row) => [row.at, row.until, row.by].filter((given) => given !== undefined).length === 1, {
      error: "expected exactly one of at, until and by",
    })
    .refine((row) => row.at === undefined || row.from === undefined, {
      error: "expected no from beside at, which is one time",
      path: ["from"],
    })
    .refine((row) => (row.from ?? 0) <= (row.until ?? row.by ?? Number.POSITIVE_INFINITY), {
      error: "expected from to be no later than until or by",
      path: ["from"],
    }),
);

function whenOf({ at, from = 0, until, by }: z.output<typeof replicas>[number]): ReplicasWhen {
  if (at !== undefined) return { when: "at", fromMs: at, untilMs: at };
  return until === undefined
    ? { when: "by", fromMs: from, untilMs: by! }
    : { when: "throughout", fromMs: from, untilMs: until };
}

export const expectSchema = z
  .strictObject({
    ...(Object.fromEntries(
      Object.entries(COUNTS).map(([name, text]) => [name, SHARES.has(name) ? shareOf(text) : numeric(text)]),
    ) as Record<keyof typeof COUNTS, Numeric>),
    ...(Object.fromEntries(
      Object.entries(LATENCIES).map(([name, text]) => [name, latency.optional().meta({ description: text })]),
    ) as Record<keyof typeof LATENCIES, z.ZodOptional<typeof latency>>),
    recoversWithin: recovery,
    replicas: replicas
      .optional()
      .meta({ description: "Workers over time: at a time, at all times until one, or by one" }),
  })
  .transform((written): Expectation[] => {
    const made: Expectation[] = [];
    for (const name of Object.keys(COUNTS) as (keyof typeof COUNTS)[]) {
      for (const condition of written[name] ?? []) made.push({ kind: "metric", name, path: [name], ...condition });
    }
    for (const group of Object.keys(LATENCIES) as (keyof typeof LATENCIES)[]) {
      for (const statistic of LATENCY_STATISTICS) {
        for (const condition of written[group]?.[statistic] ?? []) {
          made.push({ kind: "metric", name: `${group}.${statistic}`, path: [group, statistic], ...condition });
        }
      }
    }
    for (const condition of written.recoversWithin ?? []) {
      made.push({ kind: "metric", name: "recoversWithin", path: ["recoversWithin"], ...condition });
    }
    for (const [i, row] of (written.replicas ?? []).entries()) {
      for (const key of ["prefill", "decode", "agg"] as const) {
        for (const condition of row[key] ?? []) {
          made.push({ kind: "replicas", role: roleOf(key), ...whenOf(row), path: ["replicas", i, key], ...condition });
        }
      }
    }
    return made;
  });
