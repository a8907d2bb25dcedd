export { type ComparedValue, type Comparison, compareRuns, type DecisionDifference, TOLERANCE } from "./compare.ts";
export type { ProcessLag } from "./deployment.ts";
export { type LiveLag, type LiveRun, type LiveRunOptions, runLive } from "./run-live.ts";
export { clientExpectations, runAtUrl, type UrlRunOptions } from "./run-url.ts";
