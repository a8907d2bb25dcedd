import { loadProfile, type Profile } from "#profiles";
import type { DeploymentDialect } from "../../types.ts";
import { isPlaceholder, type ManifestOptions, REGISTRY, RELEASES } from "../options.ts";

/** Ports of our own servers, as Dynamo's operator has those of its components. */
export const PORTS = {
  /** The frontend's API and metrics. */
  http: 8000,
  /** A worker's API, health and metrics. */
  system: 9090,
  /** The planner's metrics, which need no token. */
  metrics: 9085,
  /** The planner's control API, which answers its probes. */
  control: 9086,
  /** The planner's page. */
  dashboard: 8080,
} as const;

export interface WorkerPool {
  /** Name of the component. */
  name: "prefill" | "decode";
  role: "prefill" | "decode" | "worker";
  replicas: number;
  gpus: number;
}

/** A deployment of mock workers with frontend and planner, before it takes a shape. */
export interface ServingPlan {
  name: string;
  namespace: string;
  dialect: DeploymentDialect;
  flavour: "dynamo" | "understudy";
  image: string;
  model: string;
  mode: "disagg" | "agg";
  pools: readonly WorkerPool[];
  profile: Profile;
  ttftMs: number;
  itlMs: number;
  monitoringNamespace: string;
}

/** @throws UserError for a profile that can't be loaded */
export function servingPlan(options: ManifestOptions): ServingPlan {
  const { serving, mode, namespace, dialect, flavour, ttftMs, itlMs } = options;
  const profile = loadProfile(serving.profile);
  const { provenance } = profile;
  const decodeGpus = provenance.gpusPerDecodeEngine ?? 1;
  const pools: WorkerPool[] =
    mode === "agg"
      ? [{ name: "decode", role: "worker", replicas: serving.decodeReplicas, gpus: decodeGpus }]
      : [
          { name: "decode", role: "decode", replicas: serving.decodeReplicas, gpus: decodeGpus },
          {
            name: "prefill",
            role: "prefill",
            replicas: serving.prefillReplicas,
            gpus: provenance.gpusPerPrefillEngine ?? 1,
          },
        ];
  return {
    name: serving.name,
    namespace,
    dialect,
    flavour,
    image: flavour === "dynamo" && isPlaceholder(options.image) ? dynamoImage(dialect) : options.image,
    model: options.model ?? provenance.model ?? "mock-model",
    mode,
    pools,
    profile,
    ttftMs,
    itlMs,
    monitoringNamespace: serving.monitoringNamespace,
  };
}

/** The image that holds Dynamo's mocker and planner: since 1.0 the planner's, before that any backend's. */
function dynamoImage(dialect: DeploymentDialect): string {
  return `${REGISTRY}/${dialect === "1.0" ? "dynamo-planner" : "vllm-runtime"}:${RELEASES[dialect]}`;
}
