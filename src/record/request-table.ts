import type { RequestTable, TenantRows } from "./types.ts";
import { RequestStatus } from "./types.ts";

/**
 * An empty table for `count` requests: times NaN, workers −1, one attempt each, all unfinished.
 * @param lengths columns that are there already; they are not copied
 * @param reasons whether the model reasons
 */
export function requestTable(
  count: number,
  lengths: Pick<RequestTable, "isl" | "requestedOsl"> = {
    isl: new Int32Array(count),
    requestedOsl: new Int32Array(count),
  },
  reasons = false,
): RequestTable {
  const times = () => new Float64Array(count).fill(Number.NaN);
  return {
    count,
    isl: lengths.isl,
    requestedOsl: lengths.requestedOsl,
    outputTokens: new Int32Array(count),
    arrivalMs: times(),
    admitMs: times(),
    firstTokenMs: times(),
    secondTokenMs: times(),
    lastTokenMs: times(),
    firstOutputTokenMs: reasons ? times() : null,
    reasoningTokens: reasons ? new Int32Array(count) : null,
    cachedTokens: new Int32Array(count),
    preemptions: new Int32Array(count),
    attempts: new Int32Array(count).fill(1),
    prefillWorker: new Int32Array(count).fill(-1),
    decodeWorker: new Int32Array(count).fill(-1),
    status: new Uint8Array(count).fill(RequestStatus.unfinished),
  };
}

/** A table of some rows of another. */
export function rowsOfTable(table: RequestTable, rows: ArrayLike<number>): RequestTable {
  const kept = requestTable(rows.length, undefined, table.firstOutputTokenMs !== null);
  for (const key of Object.keys(kept) as (keyof RequestTable)[]) {
    if (key === "count") continue;
    const from = table[key];
    const to = kept[key];
    if (from === null || to === null) continue;
    for (let i = 0; i < rows.length; i++) to[i] = from[rows[i]!]!;
  }
  return kept;
}

/** Of these rows. */
export function tenantsOfRows({ names, of }: TenantRows, rows: ArrayLike<number>): TenantRows {
  return { names, of: Int32Array.from(rows, (row) => of[row] ?? -1) };
}
