import { closeSync, openSync, readSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { threadId } from "node:worker_threads";
import { makeFolder } from "#common";
import type { RequestTable } from "./types.ts";

type Column = Exclude<keyof RequestTable, "count">;
type Values<Name extends Column> = NonNullable<RequestTable[Name]>;

/** Columns in the order of the file: the wider first, so that each begins at a multiple of its width. */
type FileColumns = readonly [name: Column, make: new (buffer: ArrayBuffer) => Values<Column>, bytes: number][];
const COLUMNS: FileColumns = [
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
/** The same of runs whose model reasons. */
const REASONING_COLUMNS: FileColumns = [
  ["firstOutputTokenMs", Float64Array, 8],
  ...COLUMNS.filter(([, , bytes]) => bytes === 8),
  ["reasoningTokens", Int32Array, 4],
  ...COLUMNS.filter(([, , bytes]) => bytes < 8),
];

/** A field and a getter of the class for each column: loops over many tables are then as fast as over one. */
class StoredTable implements RequestTable {
  readonly count: number;
  readonly #read: <Name extends Column>(name: Name) => Values<Name>;
  readonly #reasons: boolean;
  #arrivalMs: Float64Array | undefined;
  #admitMs: Float64Array | undefined;
  #firstTokenMs: Float64Array | undefined;
  #secondTokenMs: Float64Array | undefined;
  #lastTokenMs: Float64Array | undefined;
  #firstOutputTokenMs: Float64Array | undefined;
  #reasoningTokens: Int32Array | undefined;
  #isl: Int32Array | undefined;
  #requestedOsl: Int32Array | undefined;
  #outputTokens: Int32Array | undefined;
  #cachedTokens: Int32Array | undefined;
  #preemptions: Int32Array | undefined;
  #attempts: Int32Array | undefined;
  #prefillWorker: Int32Array | undefined;
  #decodeWorker: Int32Array | undefined;
  #status: Uint8Array | undefined;

  constructor(count: number, reasons: boolean, read: <Name extends Column>(name: Name) => Values<Name>) {
    this.count = count;
    this.#reasons = reasons;
    this.#read = read;
  }

  get arrivalMs(): Float64Array {
    this.#arrivalMs ??= this.#read("arrivalMs");
    return this.#arrivalMs;
  }

  get admitMs(): Float64Array {
    this.#admitMs ??= this.#read("admitMs");
    return this.#admitMs;
  }

  get firstTokenMs(): Float64Array {
    this.#firstTokenMs ??= this.#read("firstTokenMs");
    return this.#firstTokenMs;
  }

  get secondTokenMs(): Float64Array {
    this.#secondTokenMs ??= this.#read("secondTokenMs");
    return this.#secondTokenMs;
  }

  get lastTokenMs(): Float64Array {
    this.#lastTokenMs ??= this.#read("lastTokenMs");
    return this.#lastTokenMs;
  }

  get firstOutputTokenMs(): Float64Array | null {
    if (!this.#reasons) return null;
    this.#firstOutputTokenMs ??= this.#read("firstOutputTokenMs");
    return this.#firstOutputTokenMs;
  }

  get reasoningTokens(): Int32Array | null {
    if (!this.#reasons) return null;
    this.#reasoningTokens ??= this.#read("reasoningTokens");
    return this.#reasoningTokens;
  }

  get isl(): Int32Array {
    this.#isl ??= this.#read("isl");
    return this.#isl;
  }

  get requestedOsl(): Int32Array {
    this.#requestedOsl ??= this.#read("requestedOsl");
    return this.#requestedOsl;
  }

  get outputTokens(): Int32Array {
    this.#outputTokens ??= this.#read("outputTokens");
    return this.#outputTokens;
  }

  get cachedTokens(): Int32Array {
    this.#cachedTokens ??= this.#read("cachedTokens");
    return this.#cachedTokens;
  }

  get preemptions(): Int32Array {
    this.#preemptions ??= this.#read("preemptions");
    return this.#preemptions;
  }

  get attempts(): Int32Array {
    this.#attempts ??= this.#read("attempts");
    return this.#attempts;
  }

  get prefillWorker(): Int32Array {
    this.#prefillWorker ??= this.#read("prefillWorker");
    return this.#prefillWorker;
  }

  get decodeWorker(): Int32Array {
    this.#decodeWorker ??= this.#read("decodeWorker");
    return this.#decodeWorker;
  }

  get status(): Uint8Array {
    this.#status ??= this.#read("status");
    return this.#status;
  }
}

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
  #columns = COLUMNS;

  /** @param folder made where it is missing @throws the system's error */
  constructor(folder: string, pageRows = PAGE_ROWS) {
    if (!Number.isInteger(Math.log2(pageRows)))
      throw new RangeError(`pageRows is ${pageRows}, expected a power of two`);
    this.pageRows = pageRows;
    makeFolder(folder);
    const path = join(folder, `.requests.rows.${process.pid}.${threadId}.tmp`);
    this.#file = openSync(path, "w+");
    rmSync(path);
  }

  /** Before the first page of a run: whether its rows tell of reasoning. */
  layOut(reasons: boolean): void {
    this.#columns = reasons ? REASONING_COLUMNS : COLUMNS;
  }

  get reasons(): boolean {
    return this.#columns === REASONING_COLUMNS;
  }

  get #rowBytes(): number {
    return this.#columns.reduce((sum, [, , bytes]) => sum + bytes, 0);
  }

  write(page: number, table: RequestTable): void {
    let at = page * this.pageRows * this.#rowBytes;
    for (const [name, , bytes] of this.#columns) {
      const { buffer, byteOffset } = table[name]!;
      const data = new Uint8Array(buffer, byteOffset, table.count * bytes);
      for (let done = 0; done < data.length; ) {
        done += writeSync(this.#file, data, done, data.length - done, at + done);
      }
      at += this.pageRows * bytes;
    }
  }

  /**
   * A page that was written, of so many rows; its columns are read when they are first looked at.
   * @param reasons false: what it has of reasoning is left out
   */
  read(page: number, count: number, reasons = this.reasons): RequestTable {
    return new StoredTable(count, reasons, (name) => this.#column(page, count, name));
  }

  close(): void {
    closeSync(this.#file);
  }

  #column<Name extends Column>(page: number, count: number, wanted: Name): Values<Name> {
    let at = page * this.pageRows * this.#rowBytes;
    for (const [name, make, bytes] of this.#columns) {
      if (name === wanted) {
        const data = new Uint8Array(count * bytes);
        for (let done = 0; done < data.length; ) {
          const read = readSync(this.#file, data, done, data.length - done, at + done);
          if (read === 0) throw new RangeError(`page ${page} of the row file was never written`);
          done += read;
        }
        return new make(data.buffer) as Values<Name>;
      }
      at += this.pageRows * bytes;
    }
    throw new RangeError(`the row file has no column ${wanted}`);
  }
}
