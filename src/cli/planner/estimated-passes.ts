import type { PassModel } from "#planner/core";
import type { NativeEngine } from "#src/estimator";

/**
 * Single forward passes of an engine, for planners. Ranks go together, so that a pass takes what its slowest rank does. Where it is not
 * said how many prompts there are, they count as one, and as new where nothing is said of what is cached.
 */
export function estimatedPasses(engine: NativeEngine): PassModel {
  return {
    passMs: (ranks) =>
      Math.max(
        0,
        ...ranks.map(
          ({ prefillTokens, prefillRequests = 1, prefillKvTokens = 0, decodeRequests, decodeKvTokens }) =>
            engine.forwardPass({
              prompts: Math.max(1, Math.round(prefillRequests)),
              promptTokens: Math.round(prefillTokens),
              cachedTokens: Math.round(prefillKvTokens),
              sequences: Math.round(decodeRequests),
              contextTokens: Math.round(decodeKvTokens),
            }).ms,
        ),
      ),
  };
}
