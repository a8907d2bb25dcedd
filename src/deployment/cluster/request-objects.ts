import { stringify } from "yaml";
import { type KubernetesClient, orNull } from "#planner/connectors";
import { MANIFEST_DEFAULTS } from "../manifests/options.ts";
import { requestJob } from "../manifests/request-job.ts";
import type { GeneratedObject } from "../requests/types.ts";
import type { KubernetesObject } from "../types.ts";
import {
  type ApiObject,
  conditionsOf,
  corePath,
  MANAGED_BY,
  type ownerOf,
  type ResourceVersionName,
} from "./objects.ts";
import { resultsName } from "./request-status.ts";

type Owner = ReturnType<typeof ownerOf>;

interface AlphaSpec {
  profilingConfig?: {
    profilerImage?: string;
    config?: Record<string, unknown>;
    configMapRef?: { name?: string; key?: string };
  };
}

interface BetaSpec {
  backend?: string;
  image?: string;
  searchStrategy?: string;
  modelCache?: { pvcName?: string };
  hardware?: { gpuSku?: string; vramMb?: number; numGpusPerNode?: number };
}

/** Key of a ConfigMap with a base deployment, where a request names none. */
const DEFAULT_KEY = "disagg.yaml";

/** Why the operator refuses a request, in its words; null where it does not. */
export async function requestProblem(
  client: KubernetesClient,
  namespace: string,
  request: ApiObject,
  version: ResourceVersionName,
): Promise<string | null> {
  const spec = (request.spec ?? {}) as AlphaSpec & BetaSpec;
  return version === "v1alpha1" ? alphaProblem(client, namespace, spec) : betaProblem(client, namespace, spec);
}

async function alphaProblem(client: KubernetesClient, namespace: string, spec: AlphaSpec): Promise<string | null> {
  const { profilerImage, config, configMapRef } = spec.profilingConfig ?? {};
  if (!profilerImage) return "profilingConfig.profilerImage is required";
  if (config === undefined || Object.keys(config).length === 0) {
    return "profilingConfig.config is required and must not be empty";
  }
  if (configMapRef?.name === undefined) return null;
  const { name, key = DEFAULT_KEY } = configMapRef;
  const found = await orNull(client.request<ApiObject>({ path: corePath(namespace, "configmaps", name) }));
  if (found === null) return `ConfigMap ${name} not found in namespace ${namespace}`;
  if (!Object.hasOwn((found.data as object | undefined) ?? {}, key)) return `key ${key} not found in ConfigMap ${name}`;
  return null;
}

async function betaProblem(client: KubernetesClient, namespace: string, spec: BetaSpec): Promise<string | null> {
  const { backend = "auto", image, searchStrategy = "rapid", modelCache, hardware } = spec;
  if (searchStrategy === "thorough" && backend === "auto") {
    return 'spec.searchStrategy "thorough" is incompatible with spec.backend "auto": set spec.backend to a specific backend (sglang, trtllm, or vllm)';
  }
  if (!image) return "spec.image is required but not set; set it to the profiler's image";
  // There are no GPUs here to be discovered.
  if (hardware?.gpuSku === undefined || hardware.numGpusPerNode === undefined) {
    return "GPU hardware info required but auto-discovery failed. Verify DCGM exporter is reachable from the operator's namespace, or set spec.hardware.{gpuSku,vramMb,numGpusPerNode} explicitly.";
  }
  if (modelCache?.pvcName === undefined) return null;
  const path = corePath(namespace, "persistentvolumeclaims", modelCache.pvcName);
  const claim = await orNull(client.request<ApiObject>({ path }));
  return claim === null ? `model cache PVC ${modelCache.pvcName} not found in namespace ${namespace}` : null;
}

/** Whether profiling asks the estimator: `useAiConfigurator` of v1alpha1, rapid of v1beta1. */
export function isEstimatedRequest(request: ApiObject): boolean {
  const spec = (request.spec ?? {}) as AlphaSpec & BetaSpec;
  const config = spec.profilingConfig?.config;
  if (config === undefined) return spec.profilingConfig === undefined && spec.searchStrategy !== "thorough";
  const sweep = (config.sweep ?? {}) as Record<string, unknown>;
  return sweep.use_ai_configurator === true || sweep.useAiConfigurator === true;
}

/** Who makes pods of a Job and tells of them: not the cluster's own controller (batch/v1, `managedBy`). */
const JOB_MANAGER = "understudy.dev/runner";

/** The Job that Dynamo's operator would make; the runner plays its pod. */
export function requestJobObject(
  request: ApiObject,
  version: ResourceVersionName,
  name: string,
  owner: Owner,
): KubernetesObject {
  const document = {
    apiVersion: `nvidia.com/${version}`,
    kind: "DynamoGraphDeploymentRequest",
    metadata: { name: request.metadata.name, namespace: request.metadata.namespace, uid: request.metadata.uid },
    spec: request.spec,
  } as KubernetesObject;
  const dialect = version === "v1beta1" ? "1.0" : "0.8";
  const [job] = requestJob({
    ...MANIFEST_DEFAULTS,
    dialect,
    namespace: request.metadata.namespace,
    request: document,
  });
  return {
    ...job!,
    metadata: {
      ...job!.metadata,
      name,
      namespace: request.metadata.namespace,
      labels: { ...job!.metadata?.labels, ...MANAGED_BY },
      ownerReferences: [owner],
    },
    spec: { ...(job!.spec as object), managedBy: JOB_MANAGER },
  };
}

/** Status of a Job that has ended, as batch/v1 validates it; null where it says so already. */
export function jobStatus(
  job: ApiObject,
  succeeded: boolean,
  why: string,
  now: string,
): Record<string, unknown> | null {
  const done = conditionsOf(job).some(
    ({ type, status }) => (type === "Complete" || type === "Failed") && status === "True",
  );
  if (done) return null;
  const condition = (type: string, reason: string, message: string) => ({
    type,
    status: "True",
    reason,
    message,
    lastProbeTime: now,
    lastTransitionTime: now,
  });
  const startTime = job.status?.startTime ?? job.metadata.creationTimestamp ?? now;
  if (succeeded) {
    return {
      startTime,
      completionTime: now,
      succeeded: 1,
      conditions: ["SuccessCriteriaMet", "Complete"].map((type) => condition(type, "CompletionsReached", "")),
    };
  }
  return {
    startTime,
    failed: 1,
    conditions: ["FailureTarget", "Failed"].map((type) => condition(type, "BackoffLimitExceeded", why)),
  };
}

/** What the operator's sidecar keeps of a run. */
export function resultsConfigMap(
  request: ApiObject,
  owner: Owner,
  graph: GeneratedObject,
  beside: readonly GeneratedObject[],
): KubernetesObject & { metadata: { name: string }; data: Record<string, string> } {
  const { name, namespace } = request.metadata;
  const file = request.apiVersion === "nvidia.com/v1alpha1" ? "config_with_planner.yaml" : "final_config.yaml";
  const text = [...beside, graph].map((object) => stringify(object)).join("---\n");
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: {
      name: resultsName(name),
      namespace,
      labels: { ...MANAGED_BY, dgdr: name, "nvidia.com/managed-by": "dynamo-operator" },
      ownerReferences: [owner],
    },
    data: { [file]: text },
  };
}
