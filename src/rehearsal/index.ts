export { poolSpec } from "./pools.ts";
export {
  bestStaticOf,
  judge,
  prepareRehearsal,
  type Rehearsal,
  type RunnableScenario,
  staticSearchGpus,
} from "./rehearse.ts";
export { cacheBestStatic, cachedBestStatic, staticCacheKey } from "./static-cache.ts";
