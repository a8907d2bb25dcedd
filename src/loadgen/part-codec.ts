import { deserialize, serialize } from "node:v8";
import { copyRow, type LoadColumns, loadColumns } from "./columns.ts";
import { partUnreadable } from "./errors.ts";
import type { LoadPart } from "./result.ts";

interface EncodedPart extends Omit<LoadPart, "columns"> {
  /** Requests of the workload. */
  count: number;
  /** Which of them this generator sent; row i of `columns` is request `rows[i]`. */
  rows: Int32Array;
  columns: LoadColumns;
}

/** What a generator measured, as bytes: the rows of its own requests alone. */
export function encodeLoadPart({ columns, ...rest }: LoadPart): Uint8Array {
  const { count, arrivalMs } = columns.requests;
  const rows = Int32Array.from({ length: count }, (_, i) => i).filter((row) => !Number.isNaN(arrivalMs[row]!));
  const own = loadColumns(rows.length, false);
  rows.forEach((row, i) => {
    copyRow(columns, row, own, i);
  });
  const encoded: EncodedPart = { ...rest, count, rows, columns: own };
  return serialize(encoded);
}

/** @param count requests of the workload that it must be a part of @throws UserError LOADGEN_PART_UNREADABLE */
export function decodeLoadPart(bytes: Uint8Array, count: number): LoadPart {
  let encoded: EncodedPart;
  try {
    encoded = deserialize(bytes) as EncodedPart;
  } catch (error) {
    throw partUnreadable("bytes of another format", error);
  }
  const { count: found, rows, columns, ...rest } = encoded;
  if (found !== count) throw partUnreadable(`a part of ${found} requests where the workload has ${count}`);
  const whole = loadColumns(count, false);
  rows.forEach((row, i) => {
    copyRow(columns, i, whole, row);
  });
  return { ...rest, columns: whole };
}
