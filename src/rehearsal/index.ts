export { estimatedEngine } from "./estimated-engine.ts";
export { poolSpec } from "./pools.ts";
export {
  bestStaticOf,
  judge,
  prepareRehearsal,
  type Rehearsal,
  type RehearsalSteps,
  type RunnableScenario,
  type RunOptions,
  staticSearchGpus,
} from "./rehearse.ts";
export { startAboveBudget } from "./start-budget.ts";
export { cacheBestStatic, cachedBestStatic, staticCacheKey } from "./static-cache.ts";
