import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { MAX_LINE_CHARS, matchingFiles, readTextLines } from "#common";
import type { LoadValues } from "#planner/predictors";
import { traceUnreadable } from "./errors.ts";
import { parseRequestLine, type TraceRequest } from "./request-line.ts";

const PROGRESS_REQUESTS = 10_000;

/**
 * Reads the requests of a trace: a file, a folder (its .jsonl and .jsonl.gz files, in order of their names) or a glob; Mooncake
 * JSONL or dynamo.request.trace.v1, plain or gzip. Times of Dynamo's traces
 * are made relative to the earliest.
 * @param onProgress hears now and then how many requests were read
 * @throws UserError PLANNER_TRACE_UNREADABLE, PLANNER_TRACE_BAD_LINE with `file:line`
 */
export function readRequestTrace(path: string, onProgress?: (requests: number) => void): TraceRequest[] {
  const requests: TraceRequest[] = [];
  let earliestMs = Number.POSITIVE_INFINITY;
  let isUnix = false;
  for (const file of traceFiles(path)) {
    const take = (line: string, number: number) => {
      const where = `${file}:${number}`;
      if (line.length > MAX_LINE_CHARS) throw traceUnreadable(where, "a line of more than 16 MB");
      const parsed = line.trim() === "" ? null : parseRequestLine(line, where);
      if (parsed === null) return true;
      isUnix ||= parsed.clock === "unix";
      earliestMs = Math.min(earliestMs, parsed.request.timestampMs);
      requests.push(parsed.request);
      if (requests.length % PROGRESS_REQUESTS === 0) onProgress?.(requests.length);
      return true;
    };
    readTextLines(file, take, traceUnreadable);
  }
  if (requests.length === 0) throw traceUnreadable(path, "no request");
  if (isUnix) for (const request of requests) request.timestampMs -= earliestMs;
  return requests;
}

/**
 * A trace as the load of its intervals, from the first with a request to the last; intervals without requests are there, with
 * 0 requests and no lengths (NaN). @param intervalS length of an interval, s
 */
export function loadHistory(requests: Iterable<TraceRequest>, intervalS: number): LoadValues[] {
  const sums = new Map<number, LoadValues>();
  let first = Number.POSITIVE_INFINITY;
  let last = Number.NEGATIVE_INFINITY;
  for (const { timestampMs, isl, osl } of requests) {
    const index = Math.floor(timestampMs / 1000 / intervalS);
    first = Math.min(first, index);
    last = Math.max(last, index);
    const sum = sums.get(index) ?? { requests: 0, isl: 0, osl: 0 };
    sums.set(index, { requests: sum.requests + 1, isl: sum.isl + isl, osl: sum.osl + osl });
  }
  const history: LoadValues[] = [];
  for (let index = first; index <= last; index++) {
    const sum = sums.get(index);
    history.push(
      sum === undefined
        ? { requests: 0, isl: Number.NaN, osl: Number.NaN }
        : { requests: sum.requests, isl: sum.isl / sum.requests, osl: sum.osl / sum.requests },
    );
  }
  return history;
}

/** A trace, read now, as what predictors learn beforehand; as `readRequestTrace`. */
export function trafficHistory(path: string): (intervalS: number) => LoadValues[] {
  const requests = readRequestTrace(path);
  return (intervalS) => loadHistory(requests, intervalS);
}

function traceFiles(path: string): string[] {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() !== true) return matchingFiles(path, traceUnreadable);
  const names = readdirSync(path).filter((name) => /\.jsonl(\.gz)?$/.test(name));
  if (names.length === 0) throw traceUnreadable(path, "a folder without .jsonl or .jsonl.gz files");
  return names.sort().map((name) => join(path, name));
}
