import type { RequestTable, TenantRows } from "./types.ts";
import { RequestStatus } from "./types.ts";

/** An empty table for `count` requests: times NaN, workers −1, one attempt each, all unfinished. */
export function requestTable(count: number): RequestTable {
  const times = () => new Float64Array(count).fill(Number.NaN);
  return {
    count,
    isl: new Int32Array(count),
    requestedOsl: new Int32Array(count),
    outputTokens: new Int32Array(count),
    arrivalMs: times(),
    admitMs: times(),
    firstTokenMs: times(),
    secondTokenMs: times(),
    lastTokenMs: times(),
    cachedTokens: new Int32Array(count),
    preemptions: new Int32Array(count),
    attempts: new Int32Array(count).fill(1),
    prefillWorker: new Int32Array(count).fill(-1),
    decodeWorker: new Int32Array(count).fill(-1),
    status: new Uint8Array(count).fill(RequestStatus.unfinished),
  };
}

/** Of these rows. */
export function tenantsOfRows({ names, of }: TenantRows, rows: ArrayLike<number>): TenantRows {
  return { names, of: Int32Array.from(rows, (row) => of[row] ?? -1) };
}
