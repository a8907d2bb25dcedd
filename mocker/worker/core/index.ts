export type * from "./host-types.ts";
export { StreamWriter, type StreamWriterOptions } from "./stream-writer.ts";
