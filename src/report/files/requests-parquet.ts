import { type BasicType, ByteWriter, ParquetWriter, schemaFromColumnData } from "hyparquet-writer";
import { type ReportedRun, requestBlocks } from "#src/record";
import { type RequestColumn, requestColumns } from "./request-rows.ts";

const ROWS_PER_GROUP = 100_000;

const TYPES: Record<RequestColumn["type"], BasicType> = {
  double: "DOUBLE",
  integer: "INT32",
  boolean: "BOOLEAN",
  text: "STRING",
};

/** requests.parquet, handed over one row group at a time, so that memory does not grow with the run. Same run, same bytes. */
export function writeRequestsParquet(record: ReportedRun, write: (chunk: Uint8Array) => void): void {
  const bytes = new ByteWriter(1 << 20);
  let parquet: ParquetWriter | null = null;
  /** Columns of the group under way, and its rows so far. */
  let group: { name: string; data: unknown[] }[] = [];
  let rows = 0;
  const flush = () => {
    write(bytes.getBytes());
    bytes.index = 0;
  };
  const writeGroup = () => {
    parquet!.write({ columnData: group, rowGroupSize: ROWS_PER_GROUP });
    flush();
    for (const column of group) column.data = [];
    rows = 0;
  };
  for (const block of requestBlocks(record)) {
    const columns = requestColumns(record, block);
    if (parquet === null) {
      parquet = begin(bytes, columns);
      group = columns.map(({ name }) => ({ name, data: [] }));
    }
    const { count } = block.requests;
    for (let start = 0; start < count; ) {
      const end = Math.min(count, start + ROWS_PER_GROUP - rows);
      for (const [c, column] of columns.entries()) append(group[c]!.data, column, start, end);
      rows += end - start;
      start = end;
      if (rows === ROWS_PER_GROUP) writeGroup();
    }
  }
  if (rows > 0) writeGroup();
  parquet?.finish();
  flush();
}

function begin(writer: ByteWriter, columns: readonly RequestColumn[]): ParquetWriter {
  const empty = columns.map((column) => ({ name: column.name, data: [], type: TYPES[column.type], nullable: true }));
  return new ParquetWriter({ writer, schema: schemaFromColumnData({ columnData: empty }), createdBy: "understudy" });
}

function append(values: unknown[], column: RequestColumn, start: number, end: number): void {
  for (let i = start; i < end; i++) {
    const value = column.at(i);
    values.push(column.type === "boolean" && value !== null ? value === 1 : value);
  }
}
