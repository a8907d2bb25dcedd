import type { MeasuredValues } from "#scenarios";
import type { RunRecord } from "#src/record";
import type { RunSummary } from "#src/report";

/** What a run measured under the names that `expect:` uses. */
export function measuredValues(record: RunRecord, summary: RunSummary): MeasuredValues {
  const { requests, attainment, goodput, cost, throughput, metrics, engine } = summary;
  const values: Record<string, number> = {
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
  };
  for (const [name, distribution] of [
    ["ttft", metrics.ttftMs],
    ["itl", metrics.itlMs],
    ["e2e", metrics.latencyMs],
  ] as const) {
    for (const statistic of ["mean", "p50", "p75", "p90", "p95", "p99", "max"] as const) {
      values[`${name}.${statistic}`] = distribution[statistic];
    }
  }
  return { values, replicasAt: (role, atMs) => readyWorkers(record, role, atMs) };
}

function prefixHitRate({ requests }: RunRecord): number {
  let cached = 0;
  let prompt = 0;
  for (let i = 0; i < requests.count; i++) {
    // Re-admissions may find generated tokens too; the rate is about prompts.
    cached += Math.min(requests.cachedTokens[i]!, requests.isl[i]!);
    prompt += requests.isl[i]!;
  }
  return prompt === 0 ? Number.NaN : cached / prompt;
}

function readyWorkers({ workers, endMs }: RunRecord, role: "prefill" | "decode", atMs: number): number | undefined {
  if (atMs > endMs) return undefined;
  return workers.filter(
    (life) =>
      life.role === role &&
      life.readyMs <= atMs &&
      (life.drainingMs ?? Number.POSITIVE_INFINITY) > atMs &&
      (life.removedMs ?? Number.POSITIVE_INFINITY) > atMs,
  ).length;
}
