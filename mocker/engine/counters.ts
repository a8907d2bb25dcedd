import type { PassCounters } from "./types.ts";

/** Counters of an engine that has done nothing yet. */
export function newPassCounters(): PassCounters {
  return {
    passes: 0,
    steadyPasses: 0,
    skippedPasses: 0,
    scheduledPrefillTokens: 0,
    preemptions: 0,
    prefixHitTokens: 0,
    hostHitTokens: 0,
    hostLoadMs: 0,
    evictedBlocks: 0,
    drafts: 0,
    draftTokens: 0,
    acceptedDraftTokens: 0,
    prefillMs: 0,
  };
}
