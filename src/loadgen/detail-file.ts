import { ColumnFile, type FileColumns } from "#src/record";
import type { RequestDetails } from "./types.ts";

type Column = keyof RequestDetails;

const COLUMNS: FileColumns<Column> = [
  ["sentMs", Float64Array, 8],
  ["respondedMs", Float64Array, 8],
  ["endedMs", Float64Array, 8],
  ["httpStatus", Int32Array, 4],
  ["serverIsl", Int32Array, 4],
  ["chunks", Int32Array, 4],
  ["cancelled", Uint8Array, 1],
];

/** Pages of what a load run knows of requests beside their rows, 37 bytes a request. */
export class DetailFile extends ColumnFile<Column> {
  /** @param folder made where it is missing @throws the system's error */
  constructor(folder: string, pageRows?: number) {
    super(COLUMNS, folder, pageRows);
  }

  write(page: number, count: number, details: RequestDetails): void {
    this.writePage(page, count, (name) => details[name]);
  }

  read(page: number, count: number): RequestDetails {
    const columns = COLUMNS.map(([name]) => [name, this.readColumn(page, count, name)]);
    return Object.fromEntries(columns) as unknown as RequestDetails;
  }
}
