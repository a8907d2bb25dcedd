import type { RoleName, RunRecord } from "#src/record";
import type { Distribution } from "./distribution.ts";
import { isCompleted } from "./request-times.ts";
import type { RunSummary } from "./summarize.ts";

/** What a scenario's `expect:` may ask of a run, by its names. Latencies in ms; NaN where there is no sample. */
export interface Measured {
  values: Record<string, number>;
  /** Ready workers of a role at a time, ms; undefined beyond the run. */
  replicasAt(role: RoleName, atMs: number): number | undefined;
}

export function measuredValues(record: RunRecord, summary: RunSummary): Measured {
  const { requests, attainment, goodput, throughput, cost, metrics, engine } = summary;
  return {
    values: {
      requests: requests.total,
      completed: requests.completed,
      errors: requests.rejected + requests.failed,
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
      ...statistics("ttft", metrics.ttftMs),
      ...statistics("itl", metrics.itlMs),
      ...statistics("e2e", metrics.latencyMs),
    },
    replicasAt: (role, atMs) => (atMs < 0 || atMs > record.endMs ? undefined : readyAt(record, role, atMs)),
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

function readyAt(record: RunRecord, role: RoleName, atMs: number): number {
  return record.workers.filter((worker) => {
    const leavesMs = Math.min(
      worker.drainingMs ?? Number.POSITIVE_INFINITY,
      worker.removedMs ?? Number.POSITIVE_INFINITY,
    );
    return worker.role === role && worker.readyMs <= atMs && atMs < leavesMs;
  }).length;
}
