import { requestTable, rowsOfTable } from "./request-table.ts";
import type { RowFile } from "./row-file.ts";
import type { RequestBlock, RequestRows, RoutingRecord } from "./types.ts";

/** What of each request stays in memory; by the workload's numbers, unsent requests included. */
interface ColumnsInMemory {
  feasible: Uint8Array;
  tenantOf: Int32Array | null;
  routing: RoutingRecord | null;
  /** 1: not a request of the run's record, though it was sent; absent: all are. */
  leftOut?: Uint8Array | null;
}

/** The rows of a run in a file: those of requests that were sent and count. */
export class StoredRows implements RequestRows {
  readonly #file: RowFile;
  readonly #columns: ColumnsInMemory;
  readonly #pages: readonly number[];
  readonly #reasons: boolean;
  readonly count: number;

  /**
   * @param pages numbers of the pages that were written, ascending; all others have nobody who was sent
   * @param reasons whether its blocks are to tell of reasoning; default: where the file does
   */
  constructor(file: RowFile, columns: ColumnsInMemory, pages: readonly number[], reasons = file.reasons) {
    this.#file = file;
    this.#columns = columns;
    this.#pages = pages;
    this.#reasons = reasons;
    let count = 0;
    for (const { requests } of this) count += requests.count;
    this.count = count;
  }

  *[Symbol.iterator](): Generator<RequestBlock> {
    const { pageRows } = this.#file;
    const { feasible, tenantOf, routing, leftOut = null } = this.#columns;
    let first = 0;
    // Of a run without requests there is a block, too: it says which columns there are.
    for (const page of this.#pages.length === 0 ? [null] : this.#pages) {
      const from = (page ?? 0) * pageRows;
      const to = page === null ? from : Math.min(from + pageRows, feasible.length);
      const block: RequestBlock = {
        first,
        requests:
          page === null ? requestTable(0, undefined, this.#reasons) : this.#file.read(page, to - from, this.#reasons),
        feasible: feasible.subarray(from, to),
        tenantOf: tenantOf?.subarray(from, to) ?? null,
        routing: routing && {
          blockSize: routing.blockSize,
          overlapBlocks: routing.overlapBlocks.subarray(from, to),
          bestOverlapBlocks: routing.bestOverlapBlocks.subarray(from, to),
          waitMs: routing.waitMs.subarray(from, to),
        },
      };
      const sent = onlySent(block, leftOut?.subarray(from, to));
      first += sent.requests.count;
      yield sent;
    }
  }
}

/**
 * Without the rows of requests that were never sent (a closed loop's time was over, the run was cut).
 * @param leftOut 1: this row is left out, too
 */
export function onlySent<Block extends Omit<RequestBlock, "first">>(block: Block, leftOut?: Uint8Array): Block {
  const { requests, feasible, tenantOf, routing } = block;
  const { arrivalMs } = requests;
  const counts = (row: number) => !Number.isNaN(arrivalMs[row]!) && leftOut?.[row] !== 1;
  let sent = 0;
  for (let i = 0; i < requests.count; i++) if (counts(i)) sent++;
  if (sent === requests.count) return block;
  const rows = new Int32Array(sent);
  for (let i = 0, next = 0; i < requests.count; i++) if (counts(i)) rows[next++] = i;
  return {
    ...block,
    requests: rowsOfTable(requests, rows),
    feasible: Uint8Array.from(rows, (row) => feasible[row]!),
    tenantOf: tenantOf && rows.map((row) => tenantOf[row]!),
    routing: routing && {
      ...routing,
      overlapBlocks: rows.map((row) => routing.overlapBlocks[row]!),
      bestOverlapBlocks: rows.map((row) => routing.bestOverlapBlocks[row]!),
      waitMs: Float64Array.from(rows, (row) => routing.waitMs[row]!),
    },
  };
}
