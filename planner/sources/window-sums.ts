import type { TrafficPart } from "./types.ts";

/** What a part of the deployment did in one window, so that parts can be added up. */
export interface WindowSums {
  /** Fractional where a longer time had to be cut to the window. Null: arrivals are not reported. */
  started: number | null;
  startedIsl: number[];
  completed: number;
  isl: SumAndCount;
  /** Of those prompts; no counts where that is not known. */
  cachedTokens: SumAndCount;
  osl: SumAndCount;
  ttftMs: SumAndCount;
  itlMs: SumAndCount;
  durationMs: SumAndCount;
  ttftJudged: number;
  ttftMet: number;
  itlJudged: number;
  itlMet: number;
  /** Null: not known. */
  prefillProfiledS: number | null;
  prefillCount: number;
}

export interface SumAndCount {
  sum: number;
  count: number;
}

export function emptyWindow(): WindowSums {
  const none = () => ({ sum: 0, count: 0 });
  return {
    started: 0,
    startedIsl: [],
    completed: 0,
    isl: none(),
    cachedTokens: none(),
    osl: none(),
    ttftMs: none(),
    itlMs: none(),
    durationMs: none(),
    ttftJudged: 0,
    ttftMet: 0,
    itlJudged: 0,
    itlMet: 0,
    prefillProfiledS: 0,
    prefillCount: 0,
  };
}

export function addTo(total: SumAndCount, value: number, weight = 1): void {
  total.sum += value * weight;
  total.count += weight;
}

/** Adds a part; means come out weighted by how much each part saw. */
export function addWindow(total: WindowSums, part: WindowSums): void {
  for (const key of ["isl", "cachedTokens", "osl", "ttftMs", "itlMs", "durationMs"] as const) {
    total[key].sum += part[key].sum;
    total[key].count += part[key].count;
  }
  const plain = ["completed", "ttftJudged", "ttftMet", "itlJudged", "itlMet", "prefillCount"] as const;
  for (const key of plain) total[key] += part[key];
  for (const isl of part.startedIsl) total.startedIsl.push(isl);
  // Where a part does not know, nobody knows how much it is over all.
  for (const key of ["started", "prefillProfiledS"] as const) {
    const [sum, more] = [total[key], part[key]];
    total[key] = sum === null || more === null ? null : sum + more;
  }
}

/** @param complete false where a part that should be there is missing: how many there were is not known then */
export function requestPart(sums: WindowSums, complete: boolean): TrafficPart {
  const mean = ({ sum, count }: SumAndCount) => (count > 0 ? sum / count : null);
  return {
    startedRequests: complete ? sums.started : null,
    startedIsl: sums.startedIsl,
    completedRequests: complete ? sums.completed : null,
    meanIsl: mean(sums.isl),
    meanOsl: mean(sums.osl),
    meanTtftMs: mean(sums.ttftMs),
    meanItlMs: mean(sums.itlMs),
    meanRequestDurationMs: mean(sums.durationMs),
    ttftJudged: sums.ttftJudged,
    ttftMet: sums.ttftMet,
    itlJudged: sums.itlJudged,
    itlMet: sums.itlMet,
    prefillProfiledS: complete ? sums.prefillProfiledS : null,
    prefillCount: sums.prefillCount,
    kvHitRate: sums.cachedTokens.count > 0 && sums.isl.sum > 0 ? sums.cachedTokens.sum / sums.isl.sum : null,
    acceptLength: null,
  };
}
