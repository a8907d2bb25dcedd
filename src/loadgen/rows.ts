import { type LoadColumns, loadColumns } from "./columns.ts";
import type { LoadTally } from "./tally.ts";
import type { LoadFiles } from "./types.ts";

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

/** Pages of requests that several may write into. */
export interface Pages {
  take(page: number): LoadColumns;
  /** Whoever says so has taken the page, and writes nothing more into it. */
  done(page: number): void;
}

/**
 * The pages of a run, made when the first request of one is sent; they go to files when all who write into them have done. Of each
 * request two times stay in memory: when it was to be sent, and when it ended; and, where asked for, whether it was cancelled.
 */
export class LoadPages implements Pages {
  readonly arrivalMs: Float64Array;
  readonly endedMs: Float64Array;
  /** null: nobody cancels. */
  readonly cancelled: Uint8Array | null;
  readonly #files: LoadFiles;
  readonly #tally: LoadTally;
  readonly #shared: boolean;
  /** Pages in memory. */
  readonly #pages = new Map<number, LoadColumns>();
  /** Who still writes, by page. */
  readonly #writers: Int32Array;
  readonly #written: number[] = [];
  readonly #onFull: () => void;
  #failure: unknown = null;

  /**
   * @param writers how many write into each page
   * @param tally told of each page when it goes
   * @param onFull a page could not be written: there is nothing to go on for; `store` will say why
   */
  constructor(
    files: LoadFiles,
    count: number,
    writers: Int32Array,
    tally: LoadTally,
    {
      shared = false,
      cancels = false,
      onFull = () => {},
    }: { shared?: boolean; cancels?: boolean; onFull?: () => void } = {},
  ) {
    // Only at the end it is known whether the server has reasoned.
    files.rows.layOut(true);
    this.arrivalMs = new Float64Array(count).fill(Number.NaN);
    this.endedMs = new Float64Array(count).fill(Number.NaN);
    this.cancelled = cancels ? new Uint8Array(count) : null;
    this.#files = files;
    this.#tally = tally;
    this.#shared = shared;
    this.#onFull = onFull;
    this.#writers = Int32Array.from(writers);
  }

  take(page: number): LoadColumns {
    let columns = this.#pages.get(page);
    if (columns === undefined) {
      const { pageRows } = this.#files.rows;
      columns = loadColumns(Math.min(pageRows, this.arrivalMs.length - page * pageRows), this.#shared);
      this.#pages.set(page, columns);
    }
    return columns;
  }

  done(page: number): void {
    this.#writers[page]!--;
    if (this.#writers[page] !== 0 || this.#failure !== null) return;
    try {
      this.#putAway(page, this.#pages.get(page)!);
    } catch (error) {
      this.#failure = error;
      this.#onFull();
    }
  }

  /** Puts everything to the files. @returns numbers of all pages in them, ascending @throws the system's error */
  store(): number[] {
    if (this.#failure !== null) throw this.#failure;
    for (const [page, columns] of this.#pages) this.#putAway(page, columns);
    return this.#written.sort((a, b) => a - b);
  }

  #putAway(page: number, columns: LoadColumns): void {
    const { rows, details } = this.#files;
    const first = page * rows.pageRows;
    this.arrivalMs.set(columns.requests.arrivalMs, first);
    this.endedMs.set(columns.details.endedMs, first);
    this.cancelled?.set(columns.details.cancelled, first);
    this.#tally.add(columns, first);
    rows.write(page, columns.requests);
    details?.write(page, columns.requests.count, columns.details);
    this.#pages.delete(page);
    this.#written.push(page);
  }
}

/** Requests in pages that are asked for when the first of one is sent, and given back when all of them have ended. */
export class PagedRows implements LoadRows {
  readonly #pages: Pages;
  readonly #shift: number;
  readonly #mask: number;
  readonly #taken = new Map<number, LoadColumns>();
  /** Requests without an end, by page. */
  readonly #left: Int32Array;

  /** @param requests how many requests of each page are to be written */
  constructor(pages: Pages, pageRows: number, requests: Int32Array) {
    this.#pages = pages;
    this.#shift = Math.log2(pageRows);
    this.#mask = pageRows - 1;
    this.#left = Int32Array.from(requests);
  }

  columns(request: number): LoadColumns {
    const page = request >>> this.#shift;
    let columns = this.#taken.get(page);
    if (columns === undefined) {
      if (this.#left[page] === 0) throw new RangeError(`request ${request} has ended, and so have all of its page`);
      columns = this.#pages.take(page);
      this.#taken.set(page, columns);
    }
    return columns;
  }

  place(request: number): number {
    return request & this.#mask;
  }

  ended(request: number): void {
    const page = request >>> this.#shift;
    this.#left[page]!--;
    if (this.#left[page] !== 0) return;
    this.#taken.delete(page);
    this.#pages.done(page);
  }
}

/** How many of `count` requests each page has; those alone that are `own`. */
export function requestsByPage(count: number, pageRows: number, own?: (request: number) => boolean): Int32Array {
  const requests = new Int32Array(Math.ceil(count / pageRows));
  for (let i = 0; i < count; i++) if (own === undefined || own(i)) requests[Math.floor(i / pageRows)]!++;
  return requests;
}
