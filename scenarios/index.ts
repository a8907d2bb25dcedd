export { type BuildOptions, buildWorkload } from "./build-workload.ts";
export { mergeWorkloads } from "./merge.ts";
export { parseTrace, readTraceFile, type TraceOptions } from "./trace.ts";
export type * from "./traffic.ts";
export type * from "./workload.ts";
