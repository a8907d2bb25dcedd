export {
  REPORT_FILES,
  type ReportKind,
  type WriteReportsOptions,
  type WrittenReport,
  writeReports,
} from "./files/write-reports.ts";
export type { Distribution, PercentileRule } from "./summary/distribution.ts";
export { type RunSummary, type SummaryOptions, summarize } from "./summary/summarize.ts";
export { type TerminalOptions, terminalOptions } from "./terminal/ink.ts";
export { formatRun } from "./terminal/run-text.ts";
export { verdict } from "./verdict.ts";
