export type { Discovery, DiscoverySink } from "./discovery/types.ts";
export { DEFAULT_LIMITS, startFrontend } from "./frontend.ts";
export type * from "./types.ts";
