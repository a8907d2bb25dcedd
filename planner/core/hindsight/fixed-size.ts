import { MOST_WORKERS } from "../capacity.ts";
import { smallestEnough } from "../queueing.ts";
import type { LoadSummary } from "./load-record.ts";

/** Share of the requests at a load (workers kept busy) that miss the SLA with so many workers; falls with them, rises with the load. */
export type MissAt = (workers: number, load: number) => number;

/** Share of the requests that would have missed the SLA, had there been so many workers all the time. */
export type FixedMissShare = (workers: number) => number;

/** Loads at which less than this share misses are left out, with all lower ones. */
const NEGLIGIBLE_SHARE = 1e-5;

/** Of loads that were seen; each size is reckoned once. */
export function fixedMissShare({ bins, requests }: LoadSummary, missAt: MissAt): FixedMissShare {
  const known = new Map<number, number>();
  const reckoned = (workers: number) => {
    let missed = 0;
    for (let i = bins.length - 1; i >= 0; i--) {
      const share = missAt(workers, bins[i]!.load);
      if (share < NEGLIGIBLE_SHARE) break;
      missed += share * bins[i]!.requests;
    }
    return requests > 0 ? missed / requests : 0;
  };
  return (workers) => {
    const share = known.get(workers) ?? reckoned(workers);
    known.set(workers, share);
    return share;
  };
}

/** Share of the requests that would have missed the SLA with the followed plan. @param slowness of workers, of what the profile says */
export function followedMissShare({ met, requests }: LoadSummary, slowness: number, missAt: MissAt): number {
  let missed = 0;
  for (const each of met) missed += each.requests * missAt(Math.round(each.active * slowness), each.load);
  return requests > 0 ? missed / requests : 0;
}

/** The fewest workers with which, always there, at most `share` of the requests would have missed the SLA. */
export function fixedWorkers(missShare: FixedMissShare, share: number): number {
  return smallestEnough(1, MOST_WORKERS, (workers) => missShare(workers) <= share);
}

/**
 * Requests within the SLA per worker that the followed plan would have reached, ÷ those of the best number of workers that misses no more
 * than it (or than `goal`, where it misses less). @param held mean workers of the followed plan @param lost share that it let miss
 * @param least fewer would not be held, though they had done for these loads
 */
export function followedOverFixed(
  missShare: FixedMissShare,
  held: number,
  lost: number,
  goal: number,
  least: number,
): number {
  const enough = Math.max(least, fixedWorkers(missShare, Math.max(goal, lost)));
  const perWorker = (workers: number) => (1 - missShare(workers)) / workers;
  return (1 - lost) / held / Math.max(perWorker(enough), perWorker(enough + 1));
}
