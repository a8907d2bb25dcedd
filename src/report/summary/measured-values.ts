import { type ReportedRun, type RoleName, type RunFacts, requestBlocks } from "#src/record";
import type { Distribution } from "./distribution.ts";
import { isCompleted } from "./request-times.ts";
import type { RunSummary } from "./summarize.ts";

/** What a scenario's `expect:` may ask of a run, by its names. Latencies in ms; NaN where there is no sample. */
export interface Measured {
  values: Record<string, number>;
  /** Ready workers of a role: `ready[i]` from `atMs[i]` on, up to the end of the run. */
  replicas(role: RoleName): { atMs: number[]; ready: number[]; endMs: number };
}

type Source = (summary: RunSummary, record: ReportedRun) => number;

const MEASURES: Readonly<Record<string, Source>> = {
  requests: ({ requests }) => requests.total,
  completed: ({ requests }) => requests.completed,
  errors: ({ requests }) => requests.rejected + requests.failed,
  rejected: ({ requests }) => requests.rejected,
  failed: ({ requests }) => requests.failed,
  retried: ({ requests }) => requests.retried,
  attempts: ({ requests }) => requests.attempts,
  unfinished: ({ requests }) => requests.unfinished,
  preemptions: ({ engine }) => engine.preemptions,
  scaleEvents: ({ scaling }) => scaling.events,
  slaAttainment: ({ attainment }) => attainment.share,
  ttftAttainment: ({ attainment }) => attainment.ttftShare,
  itlAttainment: ({ attainment }) => attainment.itlShare,
  goodput: ({ goodput }) => goodput.requestsPerSecond,
  goodputPerGpu: ({ goodput }) => goodput.perGpu,
  requestThroughput: ({ throughput }) => throughput.requestsPerSecond,
  outputThroughput: ({ throughput }) => throughput.outputTokensPerSecond,
  gpuHours: ({ cost }) => cost.gpuHours,
  averageGpus: ({ cost }) => cost.averageGpus,
  peakGpus: ({ cost }) => cost.peakGpus,
  prefixHitRate: (_, record) => prefixHitRate(record),
  routerHitRate: ({ routing }) => routing?.hitRate ?? Number.NaN,
  routerRegretRate: ({ routing }) => routing?.regretRate ?? Number.NaN,
  recoversWithin: ({ faults }) => faults.reduce((longest, { recoveryMs }) => Math.max(longest, recoveryMs), 0),
  ...statistics("ttft", ({ metrics }) => metrics.ttftMs),
  ...statistics("ttfo", ({ metrics }) => metrics.ttfoMs ?? metrics.ttftMs),
  ...statistics("itl", ({ metrics }) => metrics.itlMs),
  ...statistics("e2e", ({ metrics }) => metrics.latencyMs),
};

/** Names of what `measuredValues` has. */
export const MEASURE_NAMES: readonly string[] = Object.keys(MEASURES);

export function measuredValues(record: ReportedRun, summary: RunSummary): Measured {
  return {
    values: Object.fromEntries(Object.entries(MEASURES).map(([name, of]) => [name, of(summary, record)])),
    replicas: (role) => readyOverTime(record, role),
  };
}

function statistics(name: string, of: (summary: RunSummary) => Distribution): Record<string, Source> {
  const known = ["mean", "p50", "p75", "p90", "p95", "p99", "max"] as const;
  return Object.fromEntries(known.map((statistic) => [`${name}.${statistic}`, (summary) => of(summary)[statistic]]));
}

/** Prompt tokens found in a prefix cache ÷ prompt tokens, over completed requests. */
function prefixHitRate(record: ReportedRun): number {
  let cached = 0;
  let prompts = 0;
  for (const { requests: table } of requestBlocks(record)) {
    for (let i = 0; i < table.count; i++) {
      if (!isCompleted(table, i)) continue;
      // Re-admissions may find generated tokens too; the rate is about prompts.
      cached += Math.min(table.cachedTokens[i]!, table.isl[i]!);
      prompts += table.isl[i]!;
    }
  }
  return prompts === 0 ? Number.NaN : cached / prompts;
}

/** One entry for each time at which the number changes, after all that happens at that time. */
function readyOverTime({ workers, endMs }: RunFacts, role: RoleName): ReturnType<Measured["replicas"]> {
  const changes = new Map<number, number>([[0, 0]]);
  const change = (atMs: number, by: number) =>
    changes.set(Math.max(0, atMs), (changes.get(Math.max(0, atMs)) ?? 0) + by);
  for (const { role: its, readyMs, drainingMs, removedMs } of workers) {
    const leavesMs = Math.min(drainingMs ?? Number.POSITIVE_INFINITY, removedMs ?? Number.POSITIVE_INFINITY);
    if (its !== role || readyMs > endMs || leavesMs <= readyMs) continue;
    change(readyMs, 1);
    if (leavesMs <= endMs) change(leavesMs, -1);
  }
  const atMs: number[] = [];
  const ready: number[] = [];
  let count = 0;
  for (const [time, by] of [...changes].sort(([a], [b]) => a - b)) {
    if (time > 0 && by === 0) continue;
    count += by;
    atMs.push(time);
    ready.push(count);
  }
  return { atMs, ready, endMs };
}
