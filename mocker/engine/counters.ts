import type { PassCounters } from "./types.ts";

/** A sum of ms: a double from the start, as the engine gives all objects another layout when the first one's integer becomes one. */
const NO_MS = -0;

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
    hostLoadMs: NO_MS,
    evictedBlocks: 0,
    drafts: 0,
    draftTokens: 0,
    acceptedDraftTokens: 0,
    prefillMs: NO_MS,
  };
}
