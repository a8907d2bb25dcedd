export { FRONTEND_MAX_ATTEMPTS } from "./attempts.ts";
export {
  createRouter,
  kvRouterIn,
  kvRouterOptions,
  ROUTER_MODES,
  type RoutedPool,
  type RouterMode,
  type RouterSettings,
} from "./create.ts";
export { type KvChoice, KvRouter, type KvRouterOptions } from "./kv-router.ts";
export { LeastLoadedRouter } from "./least-loaded.ts";
export { PrefixIndex } from "./prefix-index.ts";
export { placeOf, type QueueClass, type QueueOverflow, RouterQueue } from "./queue.ts";
export { FIRST_COME, QUEUE_POLICIES, type QueuePolicy, type QueueRank } from "./queue-rank.ts";
export { RandomRouter } from "./random.ts";
export { RoundRobinRouter } from "./round-robin.ts";
export { SessionAffinity } from "./session-affinity.ts";
export type { BlockKey, Lane, RouteContext, Router, WorkerKey } from "./types.ts";
export { WAITING_WEIGHT } from "./waiting-weight.ts";
