export { withinBudget } from "./budget.ts";
export { type PlannerConfig, type PlannerConfigInput, plannerConfigSchema } from "./config.ts";
export { createPlanner, needsProfile, surfaceFamilyOf } from "./create.ts";
export {
  bucketTrace,
  type DryRunConfig,
  type DryRunStep,
  dryRun,
  type TraceArrival,
  type TrafficBucket,
} from "./dry-run.ts";
export { isDue } from "./due.ts";
export { noneStrategy, planStrategy, type WorkerPlan } from "./fixed-strategies.ts";
export { type Limits, type ResourceLimit, resourceLimits } from "./limits.ts";
export {
  aggregatedCapacity,
  type CapacityRequest,
  decodeCapacity,
  prefillCapacity,
} from "./load-compat/engine-capacity.ts";
export { latestPasses } from "./load-compat/engine-load.ts";
export { boundPair, boundSingle } from "./load-compat/gpu-bounds.ts";
export type { LoopOutcome } from "./load-compat/loop-outcome.ts";
export type { PassModel } from "./load-compat/pass-model.ts";
export { withinPower } from "./load-compat/power-limit.ts";
export { LegacyRegression } from "./load-compat/regression/legacy-regression.ts";
export { ScalingCore } from "./load-compat/scaling-core.ts";
export {
  isTouchedByPlugin,
  LOAD_STATES,
  type LoadState,
  loopState,
  type PluginCode,
  THROUGHPUT_STATES,
  type ThroughputState,
} from "./loop-states.ts";
export { erlangC, waitDecay } from "./queueing.ts";
export { rolesOf } from "./roles.ts";
export { decideShared, type SharedDecisionInput } from "./shared-budget/decide.ts";
export { IntentCache } from "./shared-budget/intents.ts";
export type * from "./shared-budget/types.ts";
export { estimatedLatencyMs, noteShared, sharedValue, workerCapacityPerS } from "./shared-values.ts";
export { type CorrectionFactors, type IntervalLoad, type SlaReplicaOptions, slaReplicas } from "./sla-formulas.ts";
export type * from "./types.ts";
