import type { RoleName, RunRecord } from "#src/record";
import type { Distribution } from "./distribution.ts";
import { isCompleted } from "./request-times.ts";
import type { RunSummary } from "./summarize.ts";

/** What a scenario's `expect:` may ask of a run, by its names. Latencies in ms; NaN where there is no sample. */
export interface Measured {
  values: Record<string, number>;
  /** Ready workers of a role: `ready[i]` from `atMs[i]` on, up to the end of the run. */
  replicas(role: RoleName): { atMs: number[]; ready: number[]; endMs: number };
}

export function measuredValues(record: RunRecord, summary: RunSummary): Measured {
  const { requests, attainment, goodput, throughput, cost, metrics, engine } = summary;
  return {
    values: {
      requests: requests.total,
      completed: requests.completed,
      errors: requests.rejected + requests.failed,
      rejected: requests.rejected,
      failed: requests.failed,
      retried: requests.retried,
      attempts: requests.attempts,
      unfinished: requests.unfinished,
      preemptions: engine.preemptions,
      scaleEvents: summary.scaling.events,
      slaAttainment: attainment.share,
      ttftAttainment: attainment.ttftShare,
      itlAttainment: attainment.itlShare,
      goodput: goodput.requestsPerSecond,
      goodputPerGpu: goodput.perGpu,
      requestThroughput: throughput.requestsPerSecond,
      outputThroughput: throughput.outputTokensPerSecond,
      gpuHours: cost.gpuHours,
      averageGpus: cost.averageGpus,
      peakGpus: cost.peakGpus,
      prefixHitRate: prefixHitRate(record),
      routerHitRate: summary.routing?.hitRate ?? Number.NaN,
      routerRegretRate: summary.routing?.regretRate ?? Number.NaN,
      recoversWithin: summary.faults.reduce((longest, { recoveryMs }) => Math.max(longest, recoveryMs), 0),
      ...statistics("ttft", metrics.ttftMs),
      ...statistics("itl", metrics.itlMs),
      ...statistics("e2e", metrics.latencyMs),
    },
    replicas: (role) => readyOverTime(record, role),
  };
}

function statistics(name: string, { mean, p50, p75, p90, p95, p99, max }: Distribution): Record<string, number> {
  const known = { mean, p50, p75, p90, p95, p99, max };
  return Object.fromEntries(Object.entries(known).map(([statistic, value]) => [`${name}.${statistic}`, value]));
}

/** Prompt tokens found in a prefix cache ÷ prompt tokens, over completed requests. */
function prefixHitRate({ requests: table }: RunRecord): number {
  let cached = 0;
  let prompts = 0;
  for (let i = 0; i < table.count; i++) {
    if (!isCompleted(table, i)) continue;
    // Re-admissions may find generated tokens too; the rate is about prompts.
    cached += Math.min(table.cachedTokens[i]!, table.isl[i]!);
    prompts += table.isl[i]!;
  }
  return prompts === 0 ? Number.NaN : cached / prompts;
}

/** One entry for each time at which the number changes, after all that happens at that time. */
function readyOverTime({ workers, endMs }: RunRecord, role: RoleName): ReturnType<Measured["replicas"]> {
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
