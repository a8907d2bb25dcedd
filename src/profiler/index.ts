export { addProfileOptions, type GivenFlag, type ProfilingInput, profileInputFrom } from "./config/options.ts";
export { type ReadServices, readProfilingRequest } from "./config/read-request.ts";
export { type EstimatedProfile, type EstimateOptions, estimateProfile } from "./estimate.ts";
export {
  DECODE_OSL,
  type DecodePlan,
  type DecodePlanOptions,
  type DecodePoint,
  decodePlan,
  prefillIsls,
  requestCounts,
} from "./sampling.ts";
export type * from "./types.ts";
