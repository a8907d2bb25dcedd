import { quantileSorted } from "#common";
import { type ReportedRun, type RequestTable, requestBlocks } from "#src/record";
import { isCompleted, itlMet, itlMs, ttftMet, ttftMs } from "../summary/request-times.ts";

/** Latency of the requests that arrived in each window, index-aligned; NaN where there were none. */
export interface LatencyWindows {
  windowMs: number;
  /** Middle of each window, ms. */
  atMs: number[];
  ttftP50Ms: number[];
  ttftP99Ms: number[];
  itlP50Ms: number[];
  itlP99Ms: number[];
  /** Requests judged against the SLA, and of those the ones that kept each limit. */
  judged: number[];
  ttftMet: number[];
  itlMet: number[];
}

const ROUND_SECONDS = [1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1800, 3600];

/** A round window width that cuts `endMs` into at most `most` windows, not below `leastMs`. */
export function roundWindowMs(endMs: number, most: number, leastMs: number): number {
  const wanted = Math.max(leastMs, endMs / most);
  const round = ROUND_SECONDS.find((seconds) => seconds * 1000 >= wanted);
  return round === undefined ? Math.ceil(wanted / 3_600_000) * 3_600_000 : round * 1000;
}

/** Sorts completed requests into windows by arrival and takes each window's median and 99th percentile. */
export function latencyWindows(record: ReportedRun, windowMs: number): LatencyWindows {
  const { sla } = record;
  const count = Math.max(1, Math.ceil(record.endMs / windowMs));
  const windowOf = (table: RequestTable, i: number) => Math.min(count - 1, Math.floor(table.arrivalMs[i]! / windowMs));
  const sizes = new Int32Array(count + 1);
  const judged = new Array<number>(count).fill(0);
  const keptTtft = new Array<number>(count).fill(0);
  const keptItl = new Array<number>(count).fill(0);
  for (const { requests: table, feasible } of requestBlocks(record)) {
    for (let i = 0; i < table.count; i++) {
      if (Number.isNaN(table.arrivalMs[i]!)) continue;
      const window = windowOf(table, i);
      if (isCompleted(table, i)) sizes[window + 1]! += 1;
      const ttft = ttftMet(table, i, sla.ttftMs);
      const itl = itlMet(table, i, sla.itlMs);
      if (feasible[i] !== 1 && !(ttft && itl)) continue;
      judged[window]! += 1;
      if (ttft) keptTtft[window]! += 1;
      if (itl) keptItl[window]! += 1;
    }
  }
  for (let w = 0; w < count; w++) sizes[w + 1]! += sizes[w]!;
  const ttft = new Float64Array(sizes[count]!);
  const itl = new Float64Array(sizes[count]!);
  const next = sizes.slice(0, count);
  for (const { requests: table } of requestBlocks(record)) {
    for (let i = 0; i < table.count; i++) {
      if (!isCompleted(table, i)) continue;
      const slot = next[windowOf(table, i)]!++;
      ttft[slot] = ttftMs(table, i);
      itl[slot] = itlMs(table, i);
    }
  }
  const windows: LatencyWindows = {
    windowMs,
    atMs: Array.from({ length: count }, (_, w) => Math.min(record.endMs, (w + 0.5) * windowMs)),
    ttftP50Ms: [],
    ttftP99Ms: [],
    itlP50Ms: [],
    itlP99Ms: [],
    judged,
    ttftMet: keptTtft,
    itlMet: keptItl,
  };
  for (let w = 0; w < count; w++) {
    const ttftSample = ttft.subarray(sizes[w], sizes[w + 1]).sort();
    // A request with a single token has no ITL; sorting puts its NaN last.
    const itlSample = itl.subarray(sizes[w], sizes[w + 1]).sort();
    const gaps = itlSample.findLastIndex((value) => !Number.isNaN(value)) + 1;
    windows.ttftP50Ms.push(quantileSorted(ttftSample, 0.5));
    windows.ttftP99Ms.push(quantileSorted(ttftSample, 0.99));
    windows.itlP50Ms.push(quantileSorted(itlSample.subarray(0, gaps), 0.5));
    windows.itlP99Ms.push(quantileSorted(itlSample.subarray(0, gaps), 0.99));
  }
  return windows;
}
