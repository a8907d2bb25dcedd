export { nanoseconds, nanosecondsToMs, passNanoseconds } from "./nanoseconds.ts";
export { type FixedTiming, fixedTiming } from "./timing/fixed.ts";
export { polynomialTiming } from "./timing/polynomial.ts";
export { type ProfileTimingOptions, profileTiming } from "./timing/profile.ts";
export { tableTiming } from "./timing/table.ts";
export type * from "./types.ts";
