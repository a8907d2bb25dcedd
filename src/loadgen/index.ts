export { type GoodputLimit, goodRequests, parseGoodput } from "./goodput.ts";
export { judgedRows, type LoadRecordOptions, loadRecord } from "./load-record.ts";
export { runLoad } from "./run-load.ts";
export type * from "./types.ts";
