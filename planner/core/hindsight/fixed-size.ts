import { MOST_WORKERS } from "../capacity.ts";
import { smallestEnough } from "../queueing.ts";
import type { LoadSummary } from "./load-record.ts";

/** Share of the requests at a load (workers kept busy) that miss the SLA with so many workers; falls with them, rises with the load. */
export type MissAt = (workers: number, load: number) => number;

/** Loads at which less than this share misses are left out, with all lower ones. */
const NEGLIGIBLE_SHARE = 1e-5;

/** Share of the requests that would have missed the SLA, had there been so many workers all the time. */
export function fixedMissShare({ bins, requests }: LoadSummary, workers: number, missAt: MissAt): number {
  let missed = 0;
  for (let i = bins.length - 1; i >= 0; i--) {
    const share = missAt(workers, bins[i]!.load);
    if (share < NEGLIGIBLE_SHARE) break;
    missed += share * bins[i]!.requests;
  }
  return requests > 0 ? missed / requests : 0;
}

/** The fewest workers with which, always there, at most `share` of the requests would have missed the SLA. */
export function fixedWorkers(loads: LoadSummary, share: number, missAt: MissAt): number {
  return smallestEnough(1, MOST_WORKERS, (workers) => fixedMissShare(loads, workers, missAt) <= share);
}

/**
 * Requests within the SLA per worker that the followed plan would have reached, ÷ those of the best number of workers that misses no more
 * than it (or than `goal`, where it misses less). @param held mean workers of the followed plan
 */
export function followedOverFixed(
  loads: LoadSummary,
  held: number,
  lost: number,
  goal: number,
  missAt: MissAt,
): number {
  const enough = fixedWorkers(loads, Math.max(goal, lost), missAt);
  const perWorker = (workers: number) => (1 - fixedMissShare(loads, workers, missAt)) / workers;
  return (1 - lost) / held / Math.max(perWorker(enough), perWorker(enough + 1));
}
