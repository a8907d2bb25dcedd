import type { Profile } from "#profiles";
import type { Backend, EngineLayout } from "#src/estimator";

/** A Kubernetes object as it stands in YAML. */
export interface KubernetesObject {
  apiVersion: string;
  kind: string;
  metadata?: {
    name?: string;
    namespace?: string;
    labels?: Record<string, string>;
    annotations?: Record<string, string>;
    [key: string]: unknown;
  };
  [key: string]: unknown;
}

export type DgdVersion = "v1alpha1" | "v1beta1";

/** Generations of Dynamo, by what their flags and manifests are like; the profiler's own word for them is the same. */
export type DeploymentDialect = "0.3" | "0.6" | "0.8" | "1.0";

/** One engine type of a deployment. */
export interface EnginePlan {
  layout: EngineLayout;
  replicas: number;
}

/** Everything a DynamoGraphDeployment is rendered from. */
export interface RenderPlan {
  version: DgdVersion;
  /** Whose flags the engines get; the planner's, else what fits the version: 0.8 or 1.0. */
  dialect?: DeploymentDialect;
  name: string;
  namespace?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  backend: Backend;
  /** Served name: Hugging Face id. */
  model: string;
  mode: "disagg" | "agg";
  prefill?: EnginePlan;
  decode?: EnginePlan;
  agg?: EnginePlan;
  gpusPerNode: number;
  /** Image of frontend and workers. */
  image: string;
  /** A DGD to edit rather than a blueprint of ours. */
  base?: KubernetesObject;
  modelCache?: { pvcName: string; pvcPath: string; mountPath: string };
  runtimeVersionOverride?: string;
  planner?: PlannerPlan;
  mocker?: MockerPlan;
  /** Samples that planner and mocker mount. */
  profile?: Profile;
  /** Partial DGD merged over the result; lists by name. */
  overrides?: Record<string, unknown>;
  /** Four hex digits for generated names; random in the shell above. */
  suffix: { plannerConfig: string; profileData: string };
}

export interface PlannerPlan {
  /** Names and shapes of which generation: 0.6 flags and PVC, 0.8 flags and fixed ConfigMap, 1.0 two ConfigMaps. */
  dialect: "0.6" | "0.8" | "1.0";
  image: string;
  /** Settings by snake_case names, all of them, in the planner's own units. */
  settings: Record<string, unknown>;
  /** Worker components that the planner may scale get a scaling adapter. */
  scaling: "disagg" | "agg" | "prefill" | "decode" | "none";
}

export interface MockerPlan {
  flavour: "dynamo" | "understudy";
  image: string;
  speedupRatio: number;
  /** Times by the estimator, where no profile is mounted. */
  estimator?: { backend: Backend; backendVersion: string; system: string };
}
