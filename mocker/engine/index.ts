export {
  DYNOSIM_ENGINE_QUIRKS,
  ENGINE_DEFAULTS,
  ENGINE_QUIRK_NAMES,
  effectiveOsl,
  engineConfig,
  NO_ENGINE_QUIRKS,
  neverFits,
} from "./config.ts";
export { columnsSource } from "./content.ts";
export { newPassCounters } from "./counters.ts";
export { IdlePrefill } from "./idle-prefill.ts";
export { nanoseconds, nanosecondsToMs, passNanoseconds } from "./nanoseconds.ts";
export { clearPassWork, emptyPassWork, type PassWork, prefillPassMs } from "./pass-time.ts";
export { SequenceStore } from "./skipping/sequence-store.ts";
export { SkippingEngine } from "./skipping/skipping.ts";
export { SteppingEngine } from "./stepping.ts";
export { type FixedTiming, fixedTiming } from "./timing/fixed.ts";
export { polynomialTiming } from "./timing/polynomial.ts";
export { type ProfileTimingOptions, profileTiming } from "./timing/profile.ts";
export { tableTiming } from "./timing/table.ts";
export { type TransferModel, transferMs } from "./transfer.ts";
export type * from "./types.ts";
