export { DetailFile } from "./detail-file.ts";
export { type GoodputLimit, type GoodputMetric, goodRequests, parseGoodput } from "./goodput.ts";
export {
  judgedRows,
  type LoadRecordOptions,
  loadBlocks,
  loadRecord,
  sendTimes,
  storedLoadRecord,
} from "./load-record.ts";
export { resolveModel, servedModels } from "./models.ts";
export { type ArtifactOptions, aiperfJson, writeArtifacts } from "./output/artifacts.ts";
export { type Goodput, outcomeText } from "./output/outcome.ts";
export { type VllmTextOptions, vllmText } from "./output/vllm-text.ts";
export { decodeLoadPart, encodeLoadPart } from "./part-codec.ts";
export { type LoadPart, mergeLoadParts } from "./result.ts";
export { runLoad, runLoadOntoDisk, runLoadPart } from "./run-load.ts";
export { split } from "./split.ts";
export type * from "./types.ts";
