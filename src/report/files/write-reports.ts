import { join } from "node:path";
import { writeChunksAtomically, writeFileAtomically } from "#common";
import type { ReportedRun } from "#src/record";
import { reportPage } from "../page/page.ts";
import { type RunSummary, summarize } from "../summary/summarize.ts";
import { aiperfExport } from "./aiperf-export.ts";
import { readableJson } from "./json.ts";
import { junitXml } from "./junit.ts";
import { decisionsJsonl, reportJson } from "./report-json.ts";
import { requestsCsv } from "./requests-csv.ts";
import { writeRequestsParquet } from "./requests-parquet.ts";

/** Names of the files by kind. */
export const REPORT_FILES = {
  html: "report.html",
  json: "report.json",
  decisions: "decisions.jsonl",
  csv: "requests.csv",
  parquet: "requests.parquet",
  junit: "junit.xml",
  aiperf: "profile_export_aiperf.json",
  metadata: "run.json",
} as const;

export type ReportKind = keyof typeof REPORT_FILES;

export interface WriteReportsOptions {
  /** Default: all but `aiperf`; `metadata` only where there is some, `decisions` only where a planner ran. */
  kinds?: ReportKind[];
  /** Spares the work where it is there already. */
  summary?: RunSummary;
  /** What the wall clock and the machine have to say (start, duration, versions, command): goes to run.json alone. */
  metadata?: Record<string, unknown>;
}

export interface WrittenReport {
  kind: ReportKind;
  path: string;
}

/** Writes the reports of a run into `dir` (made where it is missing), each file whole or not at all. */
export function writeReports(record: ReportedRun, dir: string, options: WriteReportsOptions = {}): WrittenReport[] {
  const summary = options.summary ?? summarize(record);
  const kinds = options.kinds ?? defaultKinds(record, options);
  const writers: Record<ReportKind, (path: string) => void> = {
    html: (path) => writeFileAtomically(path, reportPage(record, summary)),
    json: (path) => writeFileAtomically(path, reportJson(record, summary)),
    decisions: (path) => writeFileAtomically(path, decisionsJsonl(record)),
    csv: (path) =>
      writeChunksAtomically(path, (write) => {
        for (const chunk of requestsCsv(record)) write(chunk);
      }),
    parquet: (path) => writeChunksAtomically(path, (write) => writeRequestsParquet(record, write)),
    junit: (path) => writeFileAtomically(path, junitXml(summary)),
    aiperf: (path) => writeFileAtomically(path, aiperfExport(summary)),
    metadata: (path) => writeFileAtomically(path, readableJson(options.metadata ?? {})),
  };
  return kinds.map((kind) => {
    const path = join(dir, REPORT_FILES[kind]);
    writers[kind](path);
    return { kind, path };
  });
}

function defaultKinds(record: ReportedRun, options: WriteReportsOptions): ReportKind[] {
  const kinds: ReportKind[] = ["html", "json"];
  if (record.decisions.length > 0) kinds.push("decisions");
  kinds.push("csv", "parquet");
  if ((record.expectations ?? []).length > 0) kinds.push("junit");
  if (options.metadata !== undefined) kinds.push("metadata");
  return kinds;
}
