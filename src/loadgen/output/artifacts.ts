import { join } from "node:path";
import { writeChunksAtomically, writeFileAtomically } from "#common";
import { aiperfExport, type RunSummary } from "#src/report";
import type { LoadFacts, LoadResult, StoredLoad } from "../types.ts";
import { aiperfCsv } from "./aiperf-csv.ts";
import type { Goodput } from "./outcome.ts";
import { requestRecords } from "./request-records.ts";

export interface ArtifactOptions {
  summary: RunSummary;
  /** null where no limit was given. */
  goodput: Goodput | null;
  /** What was asked for, without secrets. */
  inputConfig: Record<string, unknown>;
}

/** profile_export_aiperf.json: the metrics in AIPerf's shape, with counts, the generator's own lateness and the settings. */
export function aiperfJson(result: LoadFacts, { summary, goodput, inputConfig }: ArtifactOptions): string {
  const metrics = JSON.parse(aiperfExport(summary)) as Record<string, unknown>;
  delete metrics.good_request_count;
  delete metrics.goodput;
  if (goodput !== null) {
    metrics.good_request_count = { unit: "requests", avg: goodput.good };
    metrics.goodput = { unit: "requests/sec", avg: goodput.perSecond };
  }
  const { counts, lateness, gaps, failures, startUnixMs, endMs, timeScale } = result;
  const kinds: Record<string, number> = {};
  for (const { kind, message } of failures) {
    const key = `${kind}: ${message}`;
    kinds[key] = (kinds[key] ?? 0) + 1;
  }
  const document = {
    ...metrics,
    error_request_count: { unit: "requests", avg: counts.failed + counts.rejected },
    inter_chunk_latency: {
      unit: "ms",
      avg: gaps.meanMs,
      min: gaps.minMs,
      max: gaps.maxMs,
      p50: gaps.quantileMs(0.5),
      p90: gaps.quantileMs(0.9),
      p99: gaps.quantileMs(0.99),
      std: gaps.standardDeviationMs,
    },
    schedule_lateness: { unit: "ms", avg: lateness.meanMs, p99: lateness.p99Ms, max: lateness.maxMs },
    request_counts: counts,
    input_config: inputConfig,
    was_cancelled: result.aborted,
    error_summary: Object.entries(kinds).map(([message, count]) => ({ error_details: { message }, count })),
    warnings: result.warnings,
    start_time: new Date(startUnixMs).toISOString(),
    end_time: new Date(startUnixMs + endMs / timeScale).toISOString(),
    time_scale: timeScale,
  };
  return `${JSON.stringify(document, null, 2)}\n`;
}

/** Writes profile_export.jsonl, profile_export_aiperf.json and .csv into `dir`; returns their paths. */
export function writeArtifacts(result: LoadResult | StoredLoad, dir: string, options: ArtifactOptions): string[] {
  const paths = ["profile_export.jsonl", "profile_export_aiperf.json", "profile_export_aiperf.csv"].map((name) =>
    join(dir, name),
  );
  const [records, json, csv] = paths as [string, string, string];
  const { counts } = result;
  const extra: [string, number][] = [["Error Request Count", counts.failed + counts.rejected]];
  if (options.goodput !== null) extra.push(["Goodput (requests/sec)", options.goodput.perSecond]);
  writeChunksAtomically(records, (write) => {
    for (const chunk of requestRecords(result)) write(chunk);
  });
  writeFileAtomically(json, aiperfJson(result, options));
  writeFileAtomically(csv, aiperfCsv(options.summary, extra));
  return paths;
}
