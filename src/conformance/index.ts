export { compareSummaries } from "./dynosim/compare.ts";
export { type DynosimConformanceOptions, type DynosimRow, runDynosimConformance } from "./dynosim/run.ts";
export { type PlannerConformanceRow, runPlannerConformance } from "./planner/run.ts";
