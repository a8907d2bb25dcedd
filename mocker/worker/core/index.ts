export { HandoffError } from "./errors.ts";
export { startHost } from "./host.ts";
export type * from "./host-types.ts";
export { StreamWriter, type StreamWriterOptions } from "./stream-writer.ts";
export { createWorker } from "./worker.ts";
