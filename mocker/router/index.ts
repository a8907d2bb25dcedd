export { LeastLoadedRouter } from "./least-loaded.ts";
export { RoundRobinRouter } from "./round-robin.ts";
export type { Router } from "./types.ts";
