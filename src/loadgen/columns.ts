import { RequestStatus, type RequestTable } from "#src/record";
import type { RequestDetails } from "./types.ts";

/** All that is measured per request; what threads write into together. */
export interface LoadColumns {
  /** Servers may turn out to reason. */
  requests: RequestTable & { firstOutputTokenMs: Float64Array; reasoningTokens: Int32Array };
  details: RequestDetails;
}

/** Columns for `count` requests: times NaN, workers −1, all unfinished. @param shared in memory that threads share */
export function loadColumns(count: number, shared: boolean): LoadColumns {
  const bytes = (length: number) => (shared ? new SharedArrayBuffer(length) : new ArrayBuffer(length));
  const times = () => new Float64Array(bytes(8 * count)).fill(Number.NaN);
  const integers = (value = 0) => new Int32Array(bytes(4 * count)).fill(value);
  return {
    requests: {
      count,
      isl: integers(),
      requestedOsl: integers(),
      outputTokens: integers(),
      arrivalMs: times(),
      admitMs: times(),
      firstTokenMs: times(),
      secondTokenMs: times(),
      lastTokenMs: times(),
      firstOutputTokenMs: times(),
      reasoningTokens: integers(),
      cachedTokens: integers(),
      preemptions: integers(),
      attempts: integers(1),
      prefillWorker: integers(-1),
      decodeWorker: integers(-1),
      status: new Uint8Array(bytes(count)).fill(RequestStatus.unfinished),
    },
    details: {
      sentMs: times(),
      respondedMs: times(),
      endedMs: times(),
      httpStatus: integers(),
      cancelled: new Uint8Array(bytes(count)),
      serverIsl: integers(-1),
      chunks: integers(),
    },
  };
}

/** Nothing is known of a request but that it was sent, and how often: an attempt of its client's begins. */
export function beginAttempt({ requests, details }: LoadColumns, row: number): void {
  const { firstTokenMs, secondTokenMs, firstOutputTokenMs, lastTokenMs } = requests;
  for (const times of [firstTokenMs, secondTokenMs, firstOutputTokenMs, lastTokenMs]) times[row] = Number.NaN;
  for (const times of [details.respondedMs, details.endedMs]) times[row] = Number.NaN;
  requests.outputTokens[row] = 0;
  requests.reasoningTokens[row] = 0;
  requests.status[row] = RequestStatus.unfinished;
  details.httpStatus[row] = 0;
  details.chunks[row] = 0;
}

/** All that is known of one request, over what is known of another. */
export function copyRow(from: LoadColumns, row: number, to: LoadColumns, target: number): void {
  for (const table of ["requests", "details"] as const) {
    const source = from[table] as unknown as Record<string, Column | number>;
    const destination = to[table] as unknown as Record<string, Column | number>;
    for (const [name, column] of Object.entries(source)) {
      if (typeof column !== "number") (destination[name] as Column)[target] = column[row]!;
    }
  }
}

type Column = Float64Array | Int32Array | Uint8Array;
