export { absolutePath, noSuchShard, otherVersion } from "./errors.ts";
export { collectFiles, unpackFiles } from "./files.ts";
export { LocalExecutor } from "./local/executor.ts";
export { folderShardSide } from "./local/side.ts";
export { readJob } from "./pack.ts";
export { loadKubernetesExecutor, loadKubernetesShardSide } from "./pods.ts";
export type * from "./types.ts";
