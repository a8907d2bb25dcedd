export { parseTrace, readTraceFile, type TraceOptions } from "./trace.ts";
export type * from "./workload.ts";
