import { closeSync, openSync, readSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { threadId } from "node:worker_threads";
import { makeFolder } from "#common";

export type TypedColumn = Float64Array | Int32Array | Uint8Array;

/** Columns in the order of the file: the wider first, so that each begins at a multiple of its width. */
export type FileColumns<Name extends string> = readonly (readonly [
  name: Name,
  make: new (buffer: ArrayBuffer) => TypedColumn,
  bytes: number,
])[];

/** Rows of a page, where nobody says otherwise: of requests' rows 4.8 MB. */
const PAGE_ROWS = 65_536;

/**
 * Pages of rows in a file of typed columns. The file has no name from its first moment, so that the system takes it away when it
 * is closed or the process ends, however it ends.
 */
export class ColumnFile<Name extends string> {
  /** Rows of a page, a power of two; the last page of a run may have fewer. */
  readonly pageRows: number;
  readonly #file: number;
  #columns: FileColumns<Name>;

  /** @param folder made where it is missing @throws the system's error */
  constructor(columns: FileColumns<Name>, folder: string, pageRows = PAGE_ROWS) {
    if (!Number.isInteger(Math.log2(pageRows)))
      throw new RangeError(`pageRows is ${pageRows}, expected a power of two`);
    this.pageRows = pageRows;
    this.#columns = columns;
    makeFolder(folder);
    const path = join(folder, `.requests.rows.${process.pid}.${threadId}.tmp`);
    this.#file = openSync(path, "w+");
    rmSync(path);
  }

  /** Other columns, before the first page is written. */
  protected replaceColumns(columns: FileColumns<Name>): void {
    this.#columns = columns;
  }

  protected get columns(): FileColumns<Name> {
    return this.#columns;
  }

  get #rowBytes(): number {
    return this.#columns.reduce((sum, [, , bytes]) => sum + bytes, 0);
  }

  protected writePage(page: number, count: number, columnOf: (name: Name) => TypedColumn): void {
    let at = page * this.pageRows * this.#rowBytes;
    for (const [name, , bytes] of this.#columns) {
      const { buffer, byteOffset } = columnOf(name);
      const data = new Uint8Array(buffer, byteOffset, count * bytes);
      for (let done = 0; done < data.length; ) {
        done += writeSync(this.#file, data, done, data.length - done, at + done);
      }
      at += this.pageRows * bytes;
    }
  }

  protected readColumn(page: number, count: number, wanted: Name): TypedColumn {
    let at = page * this.pageRows * this.#rowBytes;
    for (const [name, make, bytes] of this.#columns) {
      if (name === wanted) {
        const data = new Uint8Array(count * bytes);
        for (let done = 0; done < data.length; ) {
          const read = readSync(this.#file, data, done, data.length - done, at + done);
          if (read === 0) throw new RangeError(`page ${page} of the row file was never written`);
          done += read;
        }
        return new make(data.buffer);
      }
      at += this.pageRows * bytes;
    }
    throw new RangeError(`the row file has no column ${wanted}`);
  }

  close(): void {
    closeSync(this.#file);
  }
}
