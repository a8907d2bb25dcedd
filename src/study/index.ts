export { type BestStaticOptions, bestStatic } from "./best-static.ts";
export {
  type Candidate,
  type ComparedPredictors,
  type ComparePredictorsOptions,
  comparePredictors,
} from "./compare-predictors.ts";
export {
  type Hindsight,
  type HindsightOptions,
  type HindsightPlan,
  hindsightPlanner,
  hindsightPlans,
} from "./hindsight/hindsight.ts";
export { BASELINES, type Baseline, type BaselineQuestion } from "./judge/baselines.ts";
export { workerCapacity } from "./judge/capacity.ts";
export { unknownPlanner } from "./judge/errors.ts";
export { type JudgedMeasures, judgedMeasures } from "./judge/measures.ts";
export { judgedCase, type ReferenceRun, type SeedRuns } from "./judge/summary.ts";
export { tuningScore } from "./judge/tuning.ts";
export { type OverSeeds, overSeeds } from "./over-seeds.ts";
export { candidateText, isDuration, overridesOf, parseAxis, valueNumber, valueText } from "./sweep/axes.ts";
export {
  type DeploymentSpace,
  deploymentAxes,
  deploymentOverrides,
  searchDeployments,
  staticCandidates,
} from "./sweep/deployments.ts";
export { type Condition, directionOf, type Goal, parseCondition, parseGoal } from "./sweep/goal.ts";
export { type MethodName, methodOf } from "./sweep/methods.ts";
export { type Measures, paretoFront } from "./sweep/pareto.ts";
export { type Cell, type Memory, runSweep, type Sweep } from "./sweep/run-sweep.ts";
export { ResultStore, removeStore } from "./sweep/store.ts";
export { type CandidateSummary, checkRefusals, meansOf, type SweepSummary, summarizeSweep } from "./sweep/summary.ts";
export type * from "./sweep/types.ts";
