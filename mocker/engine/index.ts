/**
 * Engines of several families (`EngineConfig.family`) behind one interface. `steppingEngines` and `skippingEngines` choose
 * the class by family.
 */
export {
  DYNOSIM_ENGINE_QUIRKS,
  defaultBlockSize,
  ENGINE_DEFAULTS,
  ENGINE_FAMILIES,
  ENGINE_QUIRK_NAMES,
  effectiveOsl,
  emittedTokens,
  engineConfig,
  NO_ENGINE_QUIRKS,
  neverFits,
} from "./config.ts";
export { newPassCounters } from "./counters.ts";
export { engineStuck } from "./errors.ts";
export { type EngineFactory, engineFactory, steppingEngines } from "./families.ts";
export { IdlePrefill } from "./idle-prefill.ts";
export { LockStep, needsLockStep } from "./lock-step.ts";
export { nanoseconds, nanosecondsToMs, passNanoseconds } from "./nanoseconds.ts";
export { clearPassWork, emptyPassWork, type PassWork, prefillPassMs } from "./pass-time.ts";
export { type BenchmarkPass, selfBenchmark } from "./self-benchmark.ts";
export { rankConfig } from "./sglang/rank-config.ts";
export { acceptRates, MOST_DRAFT_TOKENS, seededEngine } from "./speculation.ts";
export { firstOutputPlace, thinkingTokens } from "./thinking.ts";
export { type FixedTiming, fixedTiming } from "./timing/fixed.ts";
export { polynomialTiming } from "./timing/polynomial.ts";
export { type ProfileTimingOptions, profileTiming } from "./timing/profile.ts";
export { tableTiming } from "./timing/table.ts";
export { type TransferModel, transferMs } from "./transfer.ts";
export type * from "./types.ts";
