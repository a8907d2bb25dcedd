export { parseDynosimCase } from "./dynosim/case.ts";
export { compareSummaries } from "./dynosim/compare.ts";
export {
  type DynosimConformanceOptions,
  type DynosimRow,
  replayDynosimCase,
  replaySummary,
  runDynosimConformance,
} from "./dynosim/run.ts";
export { type PlannerConformanceRow, runPlannerConformance } from "./planner/run.ts";
