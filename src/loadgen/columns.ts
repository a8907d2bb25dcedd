import { RequestStatus, type RequestTable } from "#src/record";
import type { RequestDetails } from "./types.ts";

/** All that is measured per request; what threads write into together. */
export interface LoadColumns {
  requests: RequestTable;
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
      cachedTokens: integers(),
      preemptions: integers(),
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
