export {
  type CandidateOptions,
  type CandidateWorker,
  candidateWorkerOf,
  decodeOnly,
  deploymentName,
  frontendPort,
  frontendUrl,
  prefillOnly,
  servedModel,
} from "./candidates.ts";
export { type Converted, convertGraph } from "./convert.ts";
export { backendImage, backendOfImage, plannerImage } from "./images.ts";
export { mergeByName } from "./merge.ts";
export { renderDeployment } from "./render.ts";
export type * from "./types.ts";
export { yamlStream } from "./yaml.ts";
