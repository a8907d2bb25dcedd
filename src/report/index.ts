export type { AxisSpec, EventMark, Limit, Series, SeriesKind, Size, XyChart } from "./charts/chart.ts";
export { type HeatChart, heatChart } from "./charts/heat-chart.ts";
export { type PngOptions, svgToPng } from "./charts/png.ts";
export { cssVariables, DARK, LIGHT, type Palette, THEMES, type Theme } from "./charts/theme.ts";
export { xyChart } from "./charts/xy-chart.ts";
export type {
  ComparedPredictor,
  ForecastScore,
  PlayedScore,
  PredictorComparison,
  Regret,
  SizedScore,
} from "./comparison/input.ts";
export { comparisonPage } from "./comparison/page.ts";
export { comparisonPicture } from "./comparison/picture.ts";
export { bestPredictor, COMPARISON_COLUMNS, comparisonRows } from "./comparison/rows.ts";
export type { DryRunInput, DryRunSummary } from "./dry-run/input.ts";
export { dryRunPage } from "./dry-run/page.ts";
export { dryRunPicture } from "./dry-run/picture.ts";
export { shortRoles, summarizeDryRun } from "./dry-run/summary.ts";
export { aiperfExport } from "./files/aiperf-export.ts";
export { reportJson } from "./files/report-json.ts";
export { reportSchema } from "./files/report-schema.ts";
export {
  REPORT_FILES,
  type ReportKind,
  type WriteReportsOptions,
  type WrittenReport,
  writeReports,
} from "./files/write-reports.ts";
export { formatDeployment, plural } from "./format.ts";
export {
  JUDGE_REFERENCES,
  type JudgedCase,
  type JudgedPlanner,
  type JudgedReference,
  type JudgedValue,
  type JudgeReport,
  type ReferenceName,
  type Regrets,
  type TunedPlanner,
} from "./judge/input.ts";
export { judgePage } from "./judge/page.ts";
export { failedTicksTexts, gapTexts, JUDGE_COLUMNS, judgeRows, unknownFaultsText } from "./judge/rows.ts";
export { reportPage } from "./page/page.ts";
export type { PlannerPageInput, PlannerTick } from "./planner/input.ts";
export { plannerContent, plannerFragment, plannerPage } from "./planner/page.ts";
export {
  decodeInterpolationPlots,
  type InterpolationPlot,
  type InterpolationPlotOptions,
  interpolationPlots,
  prefillInterpolationPlots,
} from "./profiling/interpolation-plots.ts";
export { type ProfilePlot, type ProfilePlotOptions, profilePlots } from "./profiling/profile-plots.ts";
export {
  type DecodeLoad,
  type PairPrice,
  type PrefillPoint,
  type SweepPlot,
  type SweepPlotInput,
  type SweepPlotOptions,
  sweepPlots,
} from "./profiling/sweep-plots.ts";
export { allocatedGpus } from "./series/allocated-gpus.ts";
export { type Attainment, attainment, missedSla, type RequestCounts, type TimeWindow } from "./summary/attainment.ts";
export { type Cost, cost } from "./summary/cost.ts";
export type { Distribution, PercentileRule } from "./summary/distribution.ts";
export { type Measured, measuredValues } from "./summary/measured-values.ts";
export { type MetricRow, metricRows } from "./summary/metric-rows.ts";
export { isCompleted, itlMs, ttftMs } from "./summary/request-times.ts";
export { STUDY_MEASURES, studyMeasures } from "./summary/study-measures.ts";
export { type RunSummary, type SummaryOptions, summarize } from "./summary/summarize.ts";
export type { SweepReport, SweptCandidate } from "./sweep/input.ts";
export { sweepPage } from "./sweep/page.ts";
export { paretoPicture, sensitivityPicture } from "./sweep/picture.ts";
export { candidateCounts, sweepColumns, sweepQuestion, sweepRows } from "./sweep/rows.ts";
export { type TerminalOptions, terminalOptions } from "./terminal/ink.ts";
export { metricsTable } from "./terminal/metrics-table.ts";
export { formatRun } from "./terminal/run-text.ts";
export { HELD_SHARE, verdict } from "./verdict.ts";
