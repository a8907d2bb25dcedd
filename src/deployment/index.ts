export { AppliedDeployment, type AppliedOptions, type ReplicaCounts } from "./applied/applied-deployment.ts";
export { graphName, type RehearsedParts, rehearsedDeployment } from "./applied/rehearsed.ts";
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
export { ClusterStore, type ClusterStoreOptions } from "./cluster/cluster.ts";
export { TIME_SCALE_ANNOTATION } from "./cluster/objects.ts";
export { planGraph } from "./cluster/plan-graph.ts";
export { type ControlledRunner, readControlAddress, startControlledRunner } from "./control/serve.ts";
export { type Converted, convertGraph } from "./convert.ts";
export { capacityLines, type LoggedCapacity, outOfMemoryLine } from "./engines/log-lines.ts";
export { MOST_SEQUENCES, type WorkerEngine, workerEngine } from "./engines/worker-engine.ts";
export { deploymentGpus } from "./gpus.ts";
export { backendImage, backendOfImage, plannerImage } from "./images.ts";
export { MANIFESTS, type Manifest } from "./manifests/catalogue.ts";
export { MANIFEST_DEFAULTS, type ManifestOptions } from "./manifests/options.ts";
export { SHARD_ACCOUNT } from "./manifests/serving/access.ts";
export { ownLabels } from "./manifests/serving/labels.ts";
export {
  CONTAINER_SECURITY,
  POD_SECURITY,
  resources,
  SCRATCH_MOUNT,
  SCRATCH_VOLUME,
} from "./manifests/serving/pod.ts";
export { mergeByName } from "./merge.ts";
export { type PlanOptions, planDeployments } from "./plan/plan-deployments.ts";
export { planToJson } from "./plan/plan-json.ts";
export { type ManifestDocument, readManifests } from "./plan/read-manifests.ts";
export type { ComponentPlan, DeploymentPlan as RunPlan, ReplicaTemplate } from "./plan/types.ts";
export { previewDeployment } from "./preview.ts";
export { renderDeployment } from "./render.ts";
export { hasRequests, profileRequests } from "./requests/profile-requests.ts";
export { NONCE_VARIABLE } from "./runner/command.ts";
export { endDeployment, leftBehind } from "./runner/end-all.ts";
export { checkFrontendPort } from "./runner/frontend-port.ts";
export { serveWorkerHost } from "./runner/host/serve.ts";
export { holderOf, lockState } from "./runner/lock.ts";
export type { Runner } from "./runner/runner.ts";
export { type DeploymentFolder, defaultStateFolder, StateFolder } from "./runner/state-folder.ts";
export type * from "./types.ts";
export { manifestYaml, yamlStream } from "./yaml.ts";
