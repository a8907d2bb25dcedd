export { isForeignCommandLine, type TranslatedCommand, translateCommandLine } from "./config/command-lines.ts";
export { ENDPOINT_FLAGS, type EndpointFlag } from "./config/endpoint-flags.ts";
export { addProfileOptions, type GivenFlag, type ProfilingInput, profileInputFrom } from "./config/options.ts";
export { PROFILE_FLAGS, type ProfileFlag } from "./config/profile-flags.ts";
export { type ReadServices, readProfilingRequest } from "./config/read-request.ts";
export {
  editorSchemas,
  type ReferenceRow,
  type ReferenceTable,
  referenceTables,
  typeName,
} from "./config/reference.ts";
export { CandidateFailed } from "./errors.ts";
export { type EstimatedProfile, type EstimateOptions, estimateProfile } from "./estimate.ts";
export {
  type BatchPoint,
  type DecodeInterpolationOptions,
  type Interpolated,
  type InterpolationOptions,
  interpolateDecode,
  interpolatePrefill,
} from "./interpolation/interpolate.ts";
export { type PickingMode, type PickingRequest, pickingMode } from "./picking/decision.ts";
export { pickFromSweep } from "./picking/from-sweep.ts";
export { needsSameTp, simulatedLayouts } from "./picking/layouts.ts";
export { type NaiveModel, naivePick } from "./picking/naive.ts";
export { pickRapid, type RapidSources } from "./picking/rapid.ts";
export { type ReplicaOptions, type ReplicaPlan, replicasFor } from "./picking/replicas.ts";
export { type UpdatedSla, updatedSla } from "./picking/sla.ts";
export { profile } from "./profile.ts";
export { writeConfigFailure } from "./run/config-failure.ts";
export { SLA_REMEDIES } from "./run/errors.ts";
export { type ConsoleLine, type LogLevel, minutesSeconds } from "./run/log.ts";
export type {
  ChoiceContent,
  ChoicePage,
  ProfilingCluster,
  ProfilingResult,
  RunServices,
  SourceContext,
} from "./run/types.ts";
export {
  DECODE_OSL,
  type DecodePlan,
  type DecodePlanOptions,
  type DecodePoint,
  decodePlan,
  prefillIsls,
  requestCounts,
} from "./sampling.ts";
export {
  type Bounds,
  decodeKvBounds,
  type PlannerBounds,
  prefillQueueBounds,
} from "./selection/bounds.ts";
export { DEFAULT_GPU_HOUR_PRICE, gpuHoursPer1000, type PairCost, pairCosts } from "./selection/cost.ts";
export { BOUNDS_LABEL, recommendationLines } from "./selection/recommendations.ts";
export { type Selection, type SlaTargets, selectEngines } from "./selection/select.ts";
export { bestWithin, paretoFront } from "./selection/trade-off.ts";
export { mappingOf, mappingOfLayout, parallelismOf, type SweepPhase } from "./space/mapping.ts";
export { type SweepModel, sweepModel } from "./space/model.ts";
export type { Note } from "./space/note.ts";
export { type SearchSpace, type SpaceRequest, searchSpace } from "./space/search-space.ts";
export { type DecodeSweep, type DecodeTarget, sweepDecode } from "./sweep/decode.ts";
export { estimatedEngine } from "./sweep/estimated-engine.ts";
export type { CandidateStore, PipelineContext, PipelineLog } from "./sweep/hooks.ts";
export { type PrefillSweep, sweepPrefill } from "./sweep/prefill.ts";
export { prefillThroughputPerGpu } from "./sweep/throughput.ts";
export type { DeploymentDriver, PlannedWork, TrialDeployment } from "./thorough/driver.ts";
export { filledTemplate } from "./thorough/kubernetes/template.ts";
export {
  type EndpointOptions,
  type EndpointProgress,
  type EndpointResult,
  profileEndpoint,
} from "./thorough/profile-endpoint.ts";
export type * from "./types.ts";
