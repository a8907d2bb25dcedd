import type { RunFacts } from "#src/record";
import type { RunSummary } from "../summary/summarize.ts";
import { readableJson } from "./json.ts";

/** Version of report.json's layout; a number goes up when a field changes its meaning or goes away. */
export const REPORT_SCHEMA = "understudy-report/1";

/**
 * report.json: the summary with the faults, the scaling events and the timeline. Nothing of the wall clock or the machine is in it, so runs
 * with the same seed give the same bytes. Measures without a sample are null.
 */
export function reportJson(record: RunFacts, summary: RunSummary): string {
  return readableJson({
    schema: REPORT_SCHEMA,
    ...summary,
    gpusPerWorker: record.gpusPerWorker,
    scalingEvents: record.scalingEvents,
    workers: record.workers,
    timeline: record.timeline,
  });
}

/** decisions.jsonl: every tick of the planner with all that led to it, a line each. */
export function decisionsJsonl(record: RunFacts): string {
  return record.decisions.map((decision) => `${JSON.stringify(decision)}\n`).join("");
}
