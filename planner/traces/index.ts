export type { TraceRequest } from "./request-line.ts";
export { loadHistory, readRequestTrace, trafficHistory } from "./request-trace.ts";
