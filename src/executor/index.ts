export { absolutePath, noSuchShard, otherVersion } from "./errors.ts";
export { collectFiles, unpackFiles } from "./files.ts";
export { LocalExecutor } from "./local/executor.ts";
export { folderShardSide } from "./local/side.ts";
export { readJob } from "./pack.ts";
export type * from "./types.ts";

/** Shards as pods; loaded only by who wants it: with it come the clients of an API server. */
export async function kubernetes(): Promise<typeof import("./kubernetes/index.ts")> {
  return await import("./kubernetes/index.ts");
}
