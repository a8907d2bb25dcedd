export { GapSketch, type GapSketchState } from "./gap-sketch.ts";
export { requestTable, tenantsOfRows } from "./request-table.ts";
export { type Sample, TimelineRecorder } from "./timeline.ts";
export * from "./types.ts";
