export * from "#scenarios/workload";
export { type BuildOptions, buildWorkload } from "./build-workload.ts";
export {
  type CheckedExpectation,
  type Comparator,
  checkExpectations,
  type Expectation,
  type MeasuredValues,
} from "./expect.ts";
export type { ComparedStatistic } from "./fit/compared-statistic.ts";
export { entryDocument } from "./fit/entry-document.ts";
export { type FittedTrace, fitTrace } from "./fit/fit-trace.ts";
export type { Deployment, PoolSettings, Quirk } from "./format/deployment.ts";
export { QUIRKS } from "./format/deployment.ts";
export type { EngineOverrides, EstimatedEngine, KvOffloadChoice, TimingChoice } from "./format/engine.ts";
export type { RouterChoice } from "./format/router.ts";
export { readRouterPolicies, routerPoliciesFile } from "./format/router-policies.ts";
export { scenarioSchema } from "./format/scenario.ts";
export { mergeWorkloads } from "./merge.ts";
export type { Override } from "./overrides.ts";
export {
  parseScenario,
  parseTraffic,
  readScenario,
  type Scenario,
  type ScenarioOptions,
  scenarioWorkload,
} from "./parse-scenario.ts";
export { asClosedLoop, atTimes, firstPart, firstSessions } from "./reshape.ts";
export { TRACE_FORMATS, type TraceFormat, type TraceOptions } from "./traces/options.ts";
export { parseTrace, readTraceFile } from "./traces/read-trace.ts";
export { type LengthSummary, summarizeWorkload, type WorkloadSummary } from "./traces/summary.ts";
export { traceBlockTokens, traceLines } from "./traces/trace-lines.ts";
export type * from "./traffic.ts";
