import type { ReportedRun } from "#src/record";
import { MEASURE_NAMES, measuredValues } from "./measured-values.ts";
import type { RunSummary } from "./summarize.ts";

/** Names of what studies compare runs by: those of `expect:`, and what a trade of throughput against latency is drawn from. */
export const STUDY_MEASURES: readonly string[] = [
  ...MEASURE_NAMES,
  "outputThroughputPerGpu",
  "perUserThroughput.mean",
  "perUserThroughput.p50",
];

/** A run's measures by name; those without a sample are left out. */
export function studyMeasures(record: ReportedRun, summary: RunSummary): Record<string, number> {
  const { values } = measuredValues(record, summary);
  const { perUserThroughput } = summary.metrics;
  const all: Record<string, number> = {
    ...values,
    // Output tokens per second and GPU: what Dynamo's and AIConfigurator's Pareto charts have on their y axis.
    outputThroughputPerGpu: summary.throughput.outputTokensPerSecond / summary.cost.averageGpus,
    // Tokens/s of one user: 1000 ÷ ITL in ms, their x axis.
    "perUserThroughput.mean": perUserThroughput.mean,
    "perUserThroughput.p50": perUserThroughput.p50,
  };
  return Object.fromEntries(STUDY_MEASURES.flatMap((name) => (Number.isFinite(all[name]) ? [[name, all[name]!]] : [])));
}
