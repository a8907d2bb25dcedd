export { compareSummaries } from "./dynosim/compare.ts";
export { type DynosimConformanceOptions, type DynosimRow, runDynosimConformance } from "./dynosim/run.ts";
export {
  agreementPercent,
  ESTIMATOR_LIMITS,
  type EstimatorConformance,
  type EstimatorConformanceOptions,
  regretPercent,
  runEstimatorConformance,
} from "./estimator/run.ts";
export type { PlannerConformanceRow } from "./planner/conformance-row.ts";
export { runPlannerConformance } from "./planner/run.ts";
