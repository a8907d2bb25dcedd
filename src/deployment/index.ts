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
export type * from "./types.ts";
