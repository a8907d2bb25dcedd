export { type GoodputLimit, type GoodputMetric, goodRequests, parseGoodput } from "./goodput.ts";
export { judgedRows, type LoadRecordOptions, loadRecord } from "./load-record.ts";
export { resolveModel, servedModels } from "./models.ts";
export { type ArtifactOptions, aiperfJson, writeArtifacts } from "./output/artifacts.ts";
export { type Goodput, outcomeText } from "./output/outcome.ts";
export { type VllmTextOptions, vllmText } from "./output/vllm-text.ts";
export { runLoad } from "./run-load.ts";
export type * from "./types.ts";
