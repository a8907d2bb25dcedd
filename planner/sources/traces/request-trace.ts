import { closeSync, globSync, openSync, readdirSync, readFileSync, readSync, statSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import type { LoadValues } from "#planner/predictors";
import { traceUnreadable } from "../errors.ts";
import { parseRequestLine, type TraceRequest } from "./request-line.ts";

const CHUNK_BYTES = 2 ** 20;
const PROGRESS_REQUESTS = 10_000;
const MAX_LINE_CHARS = 16 * 2 ** 20;

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
    forEachLine(file, (line, number) => {
      if (line.trim() === "") return;
      const parsed = parseRequestLine(line, `${file}:${number}`);
      if (parsed === null) return;
      isUnix ||= parsed.clock === "unix";
      earliestMs = Math.min(earliestMs, parsed.request.timestampMs);
      requests.push(parsed.request);
      if (requests.length % PROGRESS_REQUESTS === 0) onProgress?.(requests.length);
    });
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
  const found = statSync(path, { throwIfNoEntry: false });
  if (found?.isDirectory()) {
    const names = readdirSync(path).filter((name) => /\.jsonl(\.gz)?$/.test(name));
    if (names.length === 0) throw traceUnreadable(path, "a folder without .jsonl or .jsonl.gz files");
    return names.sort().map((name) => join(path, name));
  }
  if (found !== undefined) return [path];
  const matches = globSync(path).sort();
  if (matches.length === 0) {
    const what = /[*?[{]/.test(path) ? "no file that matches" : "no such file";
    throw traceUnreadable(path, what);
  }
  return matches;
}

function forEachLine(file: string, visit: (line: string, number: number) => void): void {
  const decoder = new TextDecoder("utf-8");
  let rest = "";
  let number = 0;
  const take = (bytes: Uint8Array) => {
    const lines = (rest + decoder.decode(bytes, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) visit(line, ++number);
    if (rest.length > MAX_LINE_CHARS) throw traceUnreadable(`${file}:${number + 1}`, "a line of more than 16 MB");
  };
  for (const bytes of fileBytes(file)) take(bytes);
  rest += decoder.decode();
  if (rest !== "") visit(rest, ++number);
}

/** The file's bytes in pieces, unpacked where they are gzip (then all of them are held). */
function* fileBytes(file: string): Generator<Uint8Array> {
  const handle = openSync(file, "r");
  try {
    const buffer = new Uint8Array(CHUNK_BYTES);
    let bytes = readSync(handle, buffer);
    if (buffer[0] === 0x1f && buffer[1] === 0x8b) {
      yield* pieces(unpacked(file));
      return;
    }
    for (; bytes > 0; bytes = readSync(handle, buffer)) yield buffer.subarray(0, bytes);
  } finally {
    closeSync(handle);
  }
}

function* pieces(bytes: Uint8Array): Generator<Uint8Array> {
  for (let start = 0; start < bytes.length; start += CHUNK_BYTES) yield bytes.subarray(start, start + CHUNK_BYTES);
}

function unpacked(file: string): Uint8Array {
  try {
    return gunzipSync(readFileSync(file));
  } catch {
    throw traceUnreadable(file, "gzip data that is damaged or cut off", "copy or record it again");
  }
}
