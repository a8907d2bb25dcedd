import { type ReportedRun, requestBlocks } from "#src/record";
import { isCompleted, itlMs, ttftMs } from "#src/report";

const WINDOW_MS = 10_000;

/**
 * Seconds of a run in which the SLA was not kept on average: windows of 10 s, by arrival, whose feasible requests had a mean TTFT or a
 * mean ITL above the limit. A request that failed or did not end counts as one that is above both. Windows without requests
 * keep it.
 */
export function secondsAboveSla(record: ReportedRun): number {
  const windows = new Map<number, { ttft: number; ttfts: number; itl: number; itls: number; lost: boolean }>();
  for (const { requests, feasible } of requestBlocks(record)) {
    for (let i = 0; i < requests.count; i++) {
      if (feasible[i] !== 1) continue;
      const window = Math.floor(requests.arrivalMs[i]! / WINDOW_MS);
      let sums = windows.get(window);
      if (sums === undefined) {
        sums = { ttft: 0, ttfts: 0, itl: 0, itls: 0, lost: false };
        windows.set(window, sums);
      }
      if (!isCompleted(requests, i)) {
        sums.lost = true;
        continue;
      }
      sums.ttft += ttftMs(requests, i);
      sums.ttfts++;
      const itl = itlMs(requests, i);
      // A single token has no gap.
      if (Number.isNaN(itl)) continue;
      sums.itl += itl;
      sums.itls++;
    }
  }
  const { sla } = record;
  let above = 0;
  for (const { ttft, ttfts, itl, itls, lost } of windows.values()) {
    if (lost || ttft > sla.ttftMs * ttfts || itl > sla.itlMs * itls) above++;
  }
  return (above * WINDOW_MS) / 1000;
}
