import type { Workload } from "#scenarios/workload";
import { type RequestTable, type RowFile, requestTable } from "#src/record";

/** Rows of a page where all are in memory: one page has them all. */
const WHOLE_SHIFT = 31;

/**
 * The rows of all requests, in one table; or, with a file, in pages that are made when their first request is sent and go to the file
 * when all of their requests have ended. Whoever asks for a row later has its page brought back.
 */
export class RequestPages {
  readonly #workload: Workload;
  readonly #file: RowFile | null;
  /** Rows tell of reasoning. */
  readonly #reasons: boolean;
  readonly #shift: number;
  readonly #mask: number;
  readonly #pages: (RequestTable | undefined)[];
  /** Requests without an end, by page. */
  readonly #left: Int32Array;
  readonly #isWritten: Uint8Array;

  constructor(workload: Workload, file: RowFile | null, reasons: boolean) {
    const { count } = workload;
    file?.layOut(reasons);
    this.#reasons = reasons;
    this.#workload = workload;
    this.#file = file;
    this.#shift = file === null ? WHOLE_SHIFT : Math.log2(file.pageRows);
    this.#mask = file === null ? 0x7fffffff : file.pageRows - 1;
    const pages = file === null ? 1 : Math.ceil(count / file.pageRows);
    this.#pages = new Array<RequestTable | undefined>(pages).fill(undefined);
    this.#left = new Int32Array(pages);
    this.#isWritten = new Uint8Array(pages);
    for (let page = 0; page < pages; page++) this.#left[page] = this.#rowsOf(page);
    if (file === null) this.#bring(0);
  }

  /** The table that has the request's row; not to be kept beyond the request's end. */
  page(request: number): RequestTable {
    return this.#pages[request >>> this.#shift] ?? this.#bring(request >>> this.#shift);
  }

  /** The request's place in its table. */
  row(request: number): number {
    return request & this.#mask;
  }

  /** Nothing more is to be written of it, as a rule. */
  ended(request: number): void {
    const page = request >>> this.#shift;
    this.#left[page]!--;
    if (this.#left[page] === 0 && this.#file !== null) this.#putAway(page, this.#file);
  }

  /** Pages in memory, with the number of the first of their requests. */
  *inMemory(): Generator<{ first: number; table: RequestTable }> {
    for (const [page, table] of this.#pages.entries()) {
      if (table !== undefined) yield { first: page * (this.#file?.pageRows ?? 0), table };
    }
  }

  /** Puts everything to the file. @returns numbers of all pages in it, ascending */
  store(file: RowFile): number[] {
    const stored: number[] = [];
    for (let page = 0; page < this.#pages.length; page++) {
      if (this.#pages[page] !== undefined) this.#putAway(page, file);
      if (this.#isWritten[page] === 1) stored.push(page);
    }
    return stored;
  }

  #rowsOf(page: number): number {
    const rows = this.#file?.pageRows ?? this.#workload.count;
    return Math.min(rows, this.#workload.count - page * rows);
  }

  #putAway(page: number, file: RowFile): void {
    file.write(page, this.#pages[page]!);
    this.#isWritten[page] = 1;
    this.#pages[page] = undefined;
  }

  #bring(page: number): RequestTable {
    const count = this.#rowsOf(page);
    const { isl, osl } = this.#workload;
    const from = page * (this.#file?.pageRows ?? 0);
    const table =
      this.#isWritten[page] === 1
        ? this.#file!.read(page, count)
        : requestTable(
            count,
            { isl: isl.subarray(from, from + count), requestedOsl: osl.subarray(from, from + count) },
            this.#reasons,
          );
    this.#pages[page] = table;
    return table;
  }
}
