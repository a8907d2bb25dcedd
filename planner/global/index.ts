export { GlobalPlanner, type GlobalPlannerOptions } from "./global-planner.ts";
export { globalPlannerApp } from "./http.ts";
export { GlobalPlannerMetrics } from "./metrics.ts";
export { type KubernetesPlatformOptions, kubernetesPlatform } from "./platforms/kubernetes.ts";
export { ledgerPlatform } from "./platforms/ledger.ts";
export { type VirtualPlatformOptions, virtualPlatform } from "./platforms/virtual.ts";
export type * from "./types.ts";
