export type { Calls } from "./child/channel.ts";
export { say, serveParent } from "./child/serve.ts";
export { Child, type ChildOptions } from "./child-process.ts";
export {
  type ClusterRun,
  type ClusterRunOptions,
  clusterExpectations,
  runInCluster,
} from "./cluster/run-in-cluster.ts";
export { type ComparedValue, type Comparison, compareRuns, type DecisionDifference, TOLERANCE } from "./compare.ts";
export type { ProcessLag } from "./deployment.ts";
export { keepInMemory, keepOntoDisk, type LoadKeeper } from "./load-keeper.ts";
export { type LiveLag, type LiveRun, type LiveRunOptions, runLive } from "./run-live.ts";
export { clientExpectations, runAtUrl, type UrlRunOptions } from "./run-url.ts";
