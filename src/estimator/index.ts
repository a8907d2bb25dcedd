export { AICONFIGURATOR_PACKAGES, type AiconfiguratorClient, startAiconfigurator } from "./aiconfigurator/client.ts";
export { engineLayout } from "./layout.ts";
export type * from "./models/types.ts";
export { type EstimatorTimingOptions, estimatorBlocks, estimatorTiming } from "./timing.ts";
export type * from "./types.ts";
