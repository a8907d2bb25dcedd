import { PERCENTILES } from "../summary/distribution.ts";
import { metricRows } from "../summary/metric-rows.ts";
import type { RunSummary } from "../summary/summarize.ts";
import { readableJson } from "./json.ts";

/** The metrics in the shape of AIPerf's `profile_export_aiperf.json` (metric → unit, avg, percentiles, min, max, std). */
export function aiperfExport(summary: RunSummary): string {
  const metrics: Record<string, object> = {};
  for (const row of metricRows(summary)) {
    if (typeof row.value === "number") {
      metrics[row.tag] = { unit: row.unit, avg: row.value };
      continue;
    }
    const value = row.value;
    metrics[row.tag] = {
      unit: row.unit,
      avg: value.mean,
      ...Object.fromEntries(PERCENTILES.map((percent) => [`p${percent}`, value[`p${percent}`]])),
      min: value.min,
      max: value.max,
      std: value.standardDeviation,
    };
  }
  metrics.good_request_count = { unit: "requests", avg: summary.attainment.good };
  metrics.goodput = { unit: "requests/sec", avg: summary.goodput.requestsPerSecond };
  metrics.benchmark_duration = { unit: "sec", avg: summary.throughput.durationMs / 1000 };
  return readableJson(metrics);
}
