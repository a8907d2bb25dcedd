import { type ReportedRun, type RequestBlock, type RunFacts, requestBlocks } from "#src/record";
import { requestColumns } from "./request-rows.ts";

const ROWS_PER_CHUNK = 10_000;

/** requests.csv in pieces: a heading line, then a line per request. Times are rounded to the ns; missing values are empty. */
export function* requestsCsv(record: ReportedRun): Generator<string> {
  let isHeaded = false;
  for (const block of requestBlocks(record)) {
    if (!isHeaded) yield heading(record, block);
    isHeaded = true;
    yield* lines(record, block);
  }
}

function heading(record: RunFacts, block: RequestBlock): string {
  const names = requestColumns(record, block).map((column) => column.name);
  return `${names.join(",")}\n`;
}

function* lines(record: RunFacts, block: RequestBlock): Generator<string> {
  const columns = requestColumns(record, block);
  const { count } = block.requests;
  for (let start = 0; start < count; start += ROWS_PER_CHUNK) {
    const end = Math.min(count, start + ROWS_PER_CHUNK);
    let chunk = "";
    for (let i = start; i < end; i++) {
      for (let c = 0; c < columns.length; c++) {
        const column = columns[c]!;
        const value = column.at(i);
        if (c > 0) chunk += ",";
        if (value === null) continue;
        if (column.type === "boolean") chunk += value === 1 ? "true" : "false";
        else if (column.type === "double") chunk += Math.round((value as number) * 1e6) / 1e6;
        else chunk += value;
      }
      chunk += "\n";
    }
    yield chunk;
  }
}
