import type { Backend } from "#src/estimator";
import type { DeploymentDialect, KubernetesObject } from "../types.ts";

/** What manifests are made for. Texts may be placeholders such as `${NAMESPACE}`, which `envsubst` fills in. */
export interface ManifestOptions {
  dialect: DeploymentDialect;
  namespace: string;
  /** Image that the profiler runs in. */
  image: string;
  /** Path in that image of the DGD to start from. */
  configFile: string;
  /** ClusterRole and ClusterRoleBinding in the place of Role and RoleBinding. */
  cluster: boolean;
  /** Whose profiler the Job runs: both take the same flags. */
  flavour: "dynamo" | "understudy";
  backend: Backend;
  /** Default: what the documents have; of mock workers the profile's. */
  model?: string;
  mode: "disagg" | "agg";
  /** Targets of the Job that is applied by hand. */
  isl: number;
  osl: number;
  ttftMs: number;
  itlMs: number;
  minGpusPerEngine: number;
  maxGpusPerEngine: number;
  /** Request that a Job is made for; the sample of its dialect where absent. */
  request?: KubernetesObject;
  /** Of mock workers, and of what stands around them. */
  serving: ServingOptions;
  /** Of a PVC; what the documents have where absent. */
  claim: { name?: string; size?: string; accessMode?: string; storageClass?: string };
}

/** A deployment of mock workers with frontend and planner. */
export interface ServingOptions {
  /** Of the DynamoGraphDeployment, or of what stands for one. */
  name: string;
  /** Name of a shipped profile, or path of another. */
  profile: string;
  prefillReplicas: number;
  /** Decode workers, or those of an aggregated deployment. */
  decodeReplicas: number;
  /** Namespace in which Prometheus runs. */
  monitoringNamespace: string;
}

export const DEFAULT_MODEL = "Qwen/Qwen3-0.6B";

/** Dynamo's profiler measures in the cluster anyway; ours has to be told to. */
export function deployTo({ flavour }: ManifestOptions): string[] {
  return flavour === "understudy" ? ["--deploy-to", "kubernetes"] : [];
}

/** The documents' own targets and ranges. */
export const MANIFEST_DEFAULTS: Omit<ManifestOptions, "dialect"> = {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: for envsubst
  namespace: "${NAMESPACE}",
  // biome-ignore lint/suspicious/noTemplateCurlyInString: for envsubst
  image: "${DOCKER_IMAGE}",
  // biome-ignore lint/suspicious/noTemplateCurlyInString: for envsubst
  configFile: "${DGD_CONFIG_FILE}",
  cluster: false,
  flavour: "dynamo",
  backend: "vllm",
  mode: "disagg",
  isl: 3000,
  osl: 150,
  ttftMs: 200,
  itlMs: 20,
  minGpusPerEngine: 1,
  maxGpusPerEngine: 8,
  serving: {
    name: "mocker",
    profile: "h200-llama-3.1-8b-fp8-tp1-estimate",
    prefillReplicas: 1,
    decodeReplicas: 1,
    monitoringNamespace: "monitoring",
  },
  claim: {},
};

/** Secret by which nodes pull images. */
export const PULL_SECRET = "nvcr-imagepullsecret";
/** Images of Dynamo that the documents of each generation name. */
export const RELEASES: Record<DeploymentDialect, string> = {
  "0.3": "0.3.2",
  "0.6": "0.6.1",
  "0.8": "0.8.0",
  "1.0": "1.0.0",
};
export const REGISTRY = "nvcr.io/nvidia/ai-dynamo";

/** A text for `envsubst` to fill in, rather than a value. */
export function isPlaceholder(text: string): boolean {
  return text.startsWith("$");
}
