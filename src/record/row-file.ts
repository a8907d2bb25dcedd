import { closeSync, openSync, readSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { makeFolder } from "#common";
import type { RequestTable } from "./types.ts";

type Column = Exclude<keyof RequestTable, "count">;
type Values<Name extends Column> = RequestTable[Name];

/** Columns in the order of the file: the wider first, so that each begins at a multiple of its width. */
const COLUMNS: readonly [name: Column, make: new (buffer: ArrayBuffer) => Values<Column>, bytes: number][] = [
  ["arrivalMs", Float64Array, 8],
  ["admitMs", Float64Array, 8],
  ["firstTokenMs", Float64Array, 8],
  ["secondTokenMs", Float64Array, 8],
  ["lastTokenMs", Float64Array, 8],
  ["isl", Int32Array, 4],
  ["requestedOsl", Int32Array, 4],
  ["outputTokens", Int32Array, 4],
  ["cachedTokens", Int32Array, 4],
  ["preemptions", Int32Array, 4],
  ["attempts", Int32Array, 4],
  ["prefillWorker", Int32Array, 4],
  ["decodeWorker", Int32Array, 4],
  ["status", Uint8Array, 1],
];

/** Getters of the class, not closures of each table: loops over many tables stay fast. */
class StoredTable implements RequestTable {
  readonly count: number;
  readonly #read: (name: Column) => Values<Column>;
  readonly #known: Partial<Record<Column, Values<Column>>> = {};

  constructor(count: number, read: (name: Column) => Values<Column>) {
    this.count = count;
    this.#read = read;
  }

  get arrivalMs(): Float64Array {
    return this.#column("arrivalMs");
  }

  get admitMs(): Float64Array {
    return this.#column("admitMs");
  }

  get firstTokenMs(): Float64Array {
    return this.#column("firstTokenMs");
  }

  get secondTokenMs(): Float64Array {
    return this.#column("secondTokenMs");
  }

  get lastTokenMs(): Float64Array {
    return this.#column("lastTokenMs");
  }

  get isl(): Int32Array {
    return this.#column("isl");
  }

  get requestedOsl(): Int32Array {
    return this.#column("requestedOsl");
  }

  get outputTokens(): Int32Array {
    return this.#column("outputTokens");
  }

  get cachedTokens(): Int32Array {
    return this.#column("cachedTokens");
  }

  get preemptions(): Int32Array {
    return this.#column("preemptions");
  }

  get attempts(): Int32Array {
    return this.#column("attempts");
  }

  get prefillWorker(): Int32Array {
    return this.#column("prefillWorker");
  }

  get decodeWorker(): Int32Array {
    return this.#column("decodeWorker");
  }

  get status(): Uint8Array {
    return this.#column("status");
  }

  #column<Name extends Column>(name: Name): Values<Name> {
    this.#known[name] ??= this.#read(name);
    return this.#known[name] as Values<Name>;
  }
}

const ROW_BYTES = COLUMNS.reduce((sum, [, , bytes]) => sum + bytes, 0);

/** Requests whose rows stay in memory, where nobody says otherwise; those of larger runs go to a file. */
export const ROWS_IN_MEMORY = 2_000_000;

/** Rows of a page, where nobody says otherwise: 4.8 MB. */
const PAGE_ROWS = 65_536;

/**
 * Pages of request rows in a file of typed columns. The file has no name from its first moment, so that the system takes it away
 * when it is closed or the process ends, however it ends.
 */
export class RowFile {
  /** Rows of a page, a power of two; the last page of a run may have fewer. */
  readonly pageRows: number;
  readonly #file: number;

  /** @param folder made where it is missing @throws the system's error */
  constructor(folder: string, pageRows = PAGE_ROWS) {
    if (!Number.isInteger(Math.log2(pageRows)))
      throw new RangeError(`pageRows is ${pageRows}, expected a power of two`);
    this.pageRows = pageRows;
    makeFolder(folder);
    const path = join(folder, `.requests.rows.${process.pid}.tmp`);
    this.#file = openSync(path, "w+");
    rmSync(path);
  }

  write(page: number, table: RequestTable): void {
    let at = page * this.pageRows * ROW_BYTES;
    for (const [name, , bytes] of COLUMNS) {
      const { buffer, byteOffset } = table[name];
      const data = new Uint8Array(buffer, byteOffset, table.count * bytes);
      for (let done = 0; done < data.length; ) {
        done += writeSync(this.#file, data, done, data.length - done, at + done);
      }
      at += this.pageRows * bytes;
    }
  }

  /** A page that was written, of so many rows; its columns are read when they are first looked at. */
  read(page: number, count: number): RequestTable {
    return new StoredTable(count, (name) => this.#column(page, count, name));
  }

  close(): void {
    closeSync(this.#file);
  }

  #column(page: number, count: number, wanted: Column): Values<Column> {
    let at = page * this.pageRows * ROW_BYTES;
    for (const [name, make, bytes] of COLUMNS) {
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
}
