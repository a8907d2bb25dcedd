import { ColumnFile, type FileColumns } from "./column-file.ts";
import type { RequestTable } from "./types.ts";

type Column = Exclude<keyof RequestTable, "count">;
type Values<Name extends Column> = NonNullable<RequestTable[Name]>;

const COLUMNS: FileColumns<Column> = [
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
const REASONING_COLUMNS: FileColumns<Column> = [
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

/** Pages of request rows in a file. */
export class RowFile extends ColumnFile<Column> {
  /** @param folder made where it is missing @throws the system's error */
  constructor(folder: string, pageRows?: number) {
    super(COLUMNS, folder, pageRows);
  }

  /** Before the first page of a run: whether its rows tell of reasoning. */
  layOut(reasons: boolean): void {
    this.replaceColumns(reasons ? REASONING_COLUMNS : COLUMNS);
  }

  get reasons(): boolean {
    return this.columns === REASONING_COLUMNS;
  }

  write(page: number, table: RequestTable): void {
    this.writePage(page, table.count, (name) => table[name]!);
  }

  /**
   * A page that was written, of so many rows; its columns are read when they are first looked at.
   * @param reasons false: what it has of reasoning is left out
   */
  read(page: number, count: number, reasons = this.reasons): RequestTable {
    return new StoredTable(
      count,
      reasons,
      <Name extends Column>(name: Name) => this.readColumn(page, count, name) as Values<Name>,
    );
  }
}
