import { type BasicType, ByteWriter, ParquetWriter, schemaFromColumnData } from "hyparquet-writer";
import type { RunRecord } from "#src/record";
import { type RequestColumn, requestColumns } from "./request-rows.ts";

const ROWS_PER_GROUP = 100_000;

const TYPES: Record<RequestColumn["type"], BasicType> = {
  double: "DOUBLE",
  integer: "INT32",
  boolean: "BOOLEAN",
  text: "STRING",
};

/** requests.parquet, handed over one row group at a time, so that memory does not grow with the run. Same run, same bytes. */
export function writeRequestsParquet(record: RunRecord, write: (chunk: Uint8Array) => void): void {
  const columns = requestColumns(record);
  const empty = columns.map((column) => ({ name: column.name, data: [], type: TYPES[column.type], nullable: true }));
  const bytes = new ByteWriter(1 << 20);
  const parquet = new ParquetWriter({
    writer: bytes,
    schema: schemaFromColumnData({ columnData: empty }),
    createdBy: "understudy",
  });
  const flush = () => {
    write(bytes.getBytes());
    bytes.index = 0;
  };
  for (let start = 0; start < record.requests.count; start += ROWS_PER_GROUP) {
    const end = Math.min(record.requests.count, start + ROWS_PER_GROUP);
    const columnData = columns.map((column) => ({ name: column.name, data: columnValues(column, start, end) }));
    parquet.write({ columnData, rowGroupSize: ROWS_PER_GROUP });
    flush();
  }
  parquet.finish();
  flush();
}

function columnValues(column: RequestColumn, start: number, end: number): unknown[] {
  const values: unknown[] = new Array(end - start);
  for (let i = start; i < end; i++) {
    const value = column.at(i);
    values[i - start] = column.type === "boolean" && value !== null ? value === 1 : value;
  }
  return values;
}
