import { type ReportedRun, requestBlocks } from "#src/record";

/** What a KV-aware router found and did, over the requests that it sent to be computed. */
export interface RoutingSummary {
  requests: number;
  /** Prompt tokens that it knew to be cached on the worker it chose ÷ prompt tokens. */
  hitRate: number;
  /** Prompt tokens that were cached on some candidate but not on the one it chose ÷ prompt tokens. */
  regretRate: number;
  /** Requests that waited in the router, and their mean wait, ms; NaN where nobody did. */
  waited: number;
  meanWaitMs: number;
}

/** null where no router knew of caches. */
export function routingSummary(record: ReportedRun): RoutingSummary | null {
  let isRouted = false;
  let requests = 0;
  let prompts = 0;
  let hits = 0;
  let regret = 0;
  let waited = 0;
  let waitSum = 0;
  for (const { requests: table, routing } of requestBlocks(record)) {
    if (routing === null) continue;
    isRouted = true;
    const { overlapBlocks, bestOverlapBlocks, waitMs, blockSize } = routing;
    for (let i = 0; i < table.count; i++) {
      if (waitMs[i]! > 0) {
        waited++;
        waitSum += waitMs[i]!;
      }
      if (overlapBlocks[i]! < 0) continue;
      requests++;
      prompts += table.isl[i]!;
      hits += overlapBlocks[i]! * blockSize;
      regret += (bestOverlapBlocks[i]! - overlapBlocks[i]!) * blockSize;
    }
  }
  if (!isRouted) return null;
  return {
    requests,
    hitRate: hits / prompts,
    regretRate: regret / prompts,
    waited,
    meanWaitMs: waited === 0 ? Number.NaN : waitSum / waited,
  };
}
