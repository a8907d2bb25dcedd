export { bestStatic } from "./best-static.ts";
export { type Candidate, comparePredictors } from "./compare-predictors.ts";
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
export { judgedCase, type PlannerRun, type ReferenceRun, type SeedRuns } from "./judge/summary.ts";
export { tuningScore } from "./judge/tuning.ts";
export { type OverSeeds, overSeeds } from "./over-seeds.ts";
export { candidateText, isDuration, overridesOf, parseAxes, parseAxis, valueNumber, valueText } from "./sweep/axes.ts";
export {
  type DeploymentSpace,
  deploymentAxes,
  deploymentOverrides,
  type EngineLayout,
  searchDeployments,
  staticCandidates,
} from "./sweep/deployments.ts";
export { parseCondition, parseGoal } from "./sweep/goal.ts";
export { type MethodName, methodOf } from "./sweep/methods.ts";
export { paretoFront } from "./sweep/pareto.ts";
export { type Cell, type Memory, runSweep } from "./sweep/run-sweep.ts";
export { ResultStore, removeStore } from "./sweep/store.ts";
export { checkRefusals, type SweepSummary, summarizeSweep } from "./sweep/summary.ts";
export type * from "./sweep/types.ts";
