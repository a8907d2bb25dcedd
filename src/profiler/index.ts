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
