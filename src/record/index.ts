export { ColumnFile, type FileColumns } from "./column-file.ts";
export { GapSketch, type GapSketchState } from "./gap-sketch.ts";
export { requestBlocks, requestCount } from "./request-blocks.ts";
export { requestTable, rowsOfTable, tenantsOfRows } from "./request-table.ts";
export { ROWS_IN_MEMORY, RowFile } from "./row-file.ts";
export { onlySent, StoredRows } from "./stored-rows.ts";
export { type Sample, TimelineRecorder } from "./timeline.ts";
export * from "./types.ts";
