import type { RowFile } from "#src/record";
import { type LoadColumns, loadColumns } from "./columns.ts";
import type { LoadTally } from "./tally.ts";

/** Where what is measured of each request goes. */
export interface LoadRows {
  /** The columns that have the request's row; not to be kept beyond the request's end. */
  columns(request: number): LoadColumns;
  /** The request's place in them. */
  place(request: number): number;
  /** Nothing more is to be written of it. */
  ended(request: number): void;
}

/** All requests in columns that stay in memory. */
export function wholeRows(columns: LoadColumns): LoadRows {
  return { columns: () => columns, place: (request) => request, ended: () => {} };
}

/**
 * Requests in pages that are made when their first one is sent, and go to a file when all of them have ended. Of each request two times
 * stay in memory: when it was to be sent, and when it ended.
 */
export class LoadPages implements LoadRows {
  readonly arrivalMs: Float64Array;
  readonly endedMs: Float64Array;
  readonly #file: RowFile;
  readonly #tally: LoadTally;
  readonly #shift: number;
  readonly #mask: number;
  /** Pages in memory. */
  readonly #pages = new Map<number, LoadColumns>();
  /** Requests without an end, by page. */
  readonly #left: Int32Array;
  readonly #written: number[] = [];

  /** @param tally told of each page when it goes */
  constructor(file: RowFile, count: number, tally: LoadTally) {
    // Only at the end it is known whether the server has reasoned.
    file.layOut(true);
    this.arrivalMs = new Float64Array(count).fill(Number.NaN);
    this.endedMs = new Float64Array(count).fill(Number.NaN);
    this.#file = file;
    this.#tally = tally;
    this.#shift = Math.log2(file.pageRows);
    this.#mask = file.pageRows - 1;
    this.#left = Int32Array.from({ length: Math.ceil(count / file.pageRows) }, (_, page) => this.#rowsOf(page));
  }

  columns(request: number): LoadColumns {
    const page = request >>> this.#shift;
    let columns = this.#pages.get(page);
    if (columns === undefined) {
      if (this.#left[page] === 0) throw new RangeError(`request ${request} has ended, and so have all of its page`);
      columns = loadColumns(this.#rowsOf(page), false);
      this.#pages.set(page, columns);
    }
    return columns;
  }

  place(request: number): number {
    return request & this.#mask;
  }

  ended(request: number): void {
    const page = request >>> this.#shift;
    this.#left[page]!--;
    if (this.#left[page] === 0) this.#putAway(page, this.#pages.get(page)!);
  }

  /** Puts everything to the file. @returns numbers of all pages in it, ascending */
  store(): number[] {
    for (const [page, columns] of this.#pages) this.#putAway(page, columns);
    return this.#written.sort((a, b) => a - b);
  }

  #rowsOf(page: number): number {
    const rows = this.#file.pageRows;
    return Math.min(rows, this.arrivalMs.length - page * rows);
  }

  #putAway(page: number, columns: LoadColumns): void {
    const first = page * this.#file.pageRows;
    this.arrivalMs.set(columns.requests.arrivalMs, first);
    this.endedMs.set(columns.details.endedMs, first);
    this.#tally.add(columns, first);
    this.#file.write(page, columns.requests);
    this.#pages.delete(page);
    this.#written.push(page);
  }
}
