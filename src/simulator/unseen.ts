import type { Observation } from "#planner/core";

/**
 * An observation without data, which is not "no traffic": no metrics were to be had. Forward passes are missing where they are asked for.
 * @param known what is known all the same: the time, ms, and the workers, of which whoever runs them tells
 */
export function unseen({
  nowMs,
  windowMs,
  workers,
  forwardPasses,
}: Pick<Observation, "nowMs" | "windowMs" | "workers" | "forwardPasses">): Observation {
  return {
    nowMs,
    windowMs,
    workers,
    startedRequests: null,
    startedIsl: [],
    completedRequests: null,
    meanIsl: null,
    meanOsl: null,
    meanTtftMs: null,
    meanItlMs: null,
    meanRequestDurationMs: null,
    ttftJudged: 0,
    ttftMet: 0,
    itlJudged: 0,
    itlMet: 0,
    prefillMeasuredS: null,
    prefillProfiledS: null,
    prefillCount: 0,
    prefillLoad: null,
    decodeLoad: null,
    kvHitRate: null,
    acceptLength: null,
    ...(forwardPasses === undefined ? {} : { forwardPasses: { prefill: null, decode: null } }),
  };
}
