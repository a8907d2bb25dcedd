import type { RunFacts } from "#src/record";
import type { RunSummary } from "../summary/summarize.ts";
import { type DecisionListOptions, decisionLines } from "./decisions.ts";
import { faultLines } from "./faults.ts";
import type { TerminalOptions } from "./ink.ts";
import { metricsTable } from "./metrics-table.ts";
import { bestStaticLines, expectationLines, outcomeLines } from "./outcome.ts";
import { tenantLines } from "./tenants.ts";

/** What `understudy run` prints: planner timeline, table, outcome, faults, comparison, expectations; blocks apart, newline at the end. */
export function formatRun(
  record: RunFacts,
  summary: RunSummary,
  options: TerminalOptions,
  decisions: DecisionListOptions = {},
): string {
  const blocks = [
    decisionLines(record, options, decisions),
    metricsTable(summary, options),
    outcomeLines(summary, options),
    tenantLines(summary, options),
    faultLines(summary, options),
    bestStaticLines(summary, options),
    expectationLines(summary, options),
  ];
  return `${blocks
    .filter((block) => block.length > 0)
    .map((block) => block.join("\n"))
    .join("\n\n")}\n`;
}
