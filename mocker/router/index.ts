export { createRouter, ROUTER_MODES, type RouterMode } from "./create.ts";
export { type KvChoice, KvRouter, type KvRouterOptions } from "./kv-router.ts";
export { LeastLoadedRouter } from "./least-loaded.ts";
export { PrefixIndex } from "./prefix-index.ts";
export { RandomRouter } from "./random.ts";
export { RoundRobinRouter } from "./round-robin.ts";
export type { BlockKey, RouteContext, Router, WorkerKey } from "./types.ts";
