import type { DeploymentDialect, KubernetesObject } from "../types.ts";
import { baseDgd } from "./dgd.ts";
import { dashboardJson, monitoring } from "./monitoring/monitoring.ts";
import type { ManifestOptions } from "./options.ts";
import { role, roleBinding, serviceAccount } from "./rbac.ts";
import { requestJob } from "./request-job.ts";
import { sampleRequest } from "./requests.ts";
import { scriptJob } from "./script-job.ts";
import { huggingFaceSecret, imagePullSecret } from "./secrets.ts";
import {
  access,
  frontendRules,
  globalPlannerRules,
  plannerOfDeploymentsRules,
  plannerRules,
  shardAccess,
} from "./serving/access.ts";
import { mockDeployment } from "./serving/dgd.ts";
import { disruptionBudgets } from "./serving/disruption.ts";
import { kustomizeTree, type TreeFile } from "./serving/kustomize.ts";
import { networkPolicies } from "./serving/network.ts";
import { runnerAccess } from "./serving/runner-access.ts";
import { standaloneObjects } from "./serving/standalone.ts";
import { accessPod, persistentVolumeClaim } from "./storage.ts";

export interface Manifest {
  /** As the command line has it. */
  name: string;
  /** Name of the file in Dynamo's documents. */
  file: string;
  what: string;
  dialects: readonly DeploymentDialect[];
  /** Generations whose whole set of manifests, to be applied together, has it. */
  set: readonly DeploymentDialect[];
  build(options: ManifestOptions): KubernetesObject[];
  /** What is printed in the place of these objects' YAML. */
  text?(): string;
  /** A folder of files, where the objects are more than one file of theirs. */
  tree?(options: ManifestOptions): TreeFile[];
}

const ALL = ["0.3", "0.6", "0.8", "1.0"] as const;
const REQUESTS = ["0.6", "0.8", "1.0"] as const;
/** Generations whose DynamoGraphDeployments can be scaled by labels and adapters of today. */
const SERVING = ["0.8", "1.0"] as const;

/** In the order in which they are applied. */
export const MANIFESTS: readonly Manifest[] = [
  {
    name: "image-pull-secret",
    file: "nvcr_imagepullsecret.yaml",
    what: "credentials to pull images; fill in NGC_API_KEY",
    dialects: ALL,
    set: [],
    build: imagePullSecret,
  },
  {
    name: "hf-secret",
    file: "hf_token_secret.yaml",
    what: "Hugging Face token; fill in HF_TOKEN",
    dialects: ALL,
    set: [],
    build: huggingFaceSecret,
  },
  {
    name: "pvc",
    file: "profiling_pvc.yaml",
    what: "volume of the results",
    dialects: ALL,
    set: ["0.3", "0.6"],
    build: persistentVolumeClaim,
  },
  {
    name: "service-account",
    file: "profile_sla_sa.yaml",
    what: "account of the Job, with the pull secret",
    dialects: ALL,
    set: ALL,
    build: serviceAccount,
  },
  {
    name: "role",
    file: "profile_sla_rbac.yaml",
    what: "what the Job may do (--cluster: ClusterRole)",
    dialects: ALL,
    set: ALL,
    build: role,
  },
  {
    name: "role-binding",
    file: "profile_sla_binding.yaml",
    what: "lets the account do it (--cluster: ClusterRoleBinding)",
    dialects: ALL,
    set: ALL,
    build: roleBinding,
  },
  {
    name: "rbac",
    file: "rbac.yaml",
    what: "account, role and binding in one stream",
    dialects: ALL,
    set: [],
    build: (options) => [...serviceAccount(options), ...role(options), ...roleBinding(options)],
  },
  {
    name: "dgdr-rbac",
    file: "dgdr_rbac.yaml",
    what: "the same for Jobs of requests",
    dialects: REQUESTS,
    set: [],
    build: (options) => [...serviceAccount(options), ...role(options), ...roleBinding(options)],
  },
  {
    name: "profiling-job",
    file: "profile_sla_job.yaml",
    what: "the profiling Job; since 0.6 of a request (--dgdr)",
    dialects: ALL,
    set: ALL,
    build: (options) => (options.dialect === "0.3" ? scriptJob(options) : requestJob(options)),
  },
  {
    name: "access-pod",
    file: "pvc_access_pod.yaml",
    what: "a pod to copy results from the volume",
    dialects: ALL,
    set: [],
    build: accessPod,
  },
  {
    name: "dgdr",
    file: "profile_sla_dgdr.yaml",
    what: "a request that measures deployments",
    dialects: REQUESTS,
    set: [],
    build: (options) => [sampleRequest("online", options)],
  },
  {
    name: "dgdr-aic",
    file: "profile_sla_aic_dgdr.yaml",
    what: "a request that estimates",
    dialects: REQUESTS,
    set: [],
    build: (options) => [sampleRequest("aic", options)],
  },
  {
    name: "dgdr-moe",
    file: "profile_sla_moe_dgdr.yaml",
    what: "a request for a model with experts",
    dialects: REQUESTS,
    set: [],
    build: (options) => [sampleRequest("moe", options)],
  },
  {
    name: "dgd",
    file: "disagg.yaml",
    what: "a deployment to start from (--backend, --model, --mode)",
    dialects: ALL,
    set: [],
    build: baseDgd,
  },
  {
    name: "deployment",
    file: "mocker_deployment.yaml",
    what: "mock workers, frontend and planner for Dynamo's operator (--flavour)",
    dialects: SERVING,
    set: [],
    build: (options) => mockDeployment(options),
  },
  {
    name: "standalone",
    file: "standalone.yaml",
    what: "the same without an operator: Deployments, Services, accounts",
    dialects: SERVING,
    set: [],
    build: standaloneObjects,
  },
  {
    name: "kustomize",
    file: "kustomize",
    what: "standalone as a folder: base, overlays kind and monitored (--output-dir)",
    dialects: SERVING,
    set: [],
    build: standaloneObjects,
    tree: kustomizeTree,
  },
  {
    name: "planner-rbac",
    file: "planner_rbac.yaml",
    what: "account and Role of a planner that scales a DynamoGraphDeployment",
    dialects: SERVING,
    set: [],
    build: (options) => access(options, "planner", plannerRules(options.serving.name, options.dialect)),
  },
  {
    name: "planner-deployments-rbac",
    file: "planner_deployments_rbac.yaml",
    what: "the same of one that scales plain Deployments",
    dialects: SERVING,
    set: [],
    build: (options) => access(options, "planner", plannerOfDeploymentsRules(options.serving.name)),
  },
  {
    name: "global-planner-rbac",
    file: "global_planner_rbac.yaml",
    what: "the same of a global planner, for each namespace that it scales in",
    dialects: ["1.0"],
    set: [],
    build: (options) => access(options, "global-planner", globalPlannerRules()),
  },
  {
    name: "frontend-rbac",
    file: "frontend_rbac.yaml",
    what: "account and Role of a frontend that finds its workers' pods",
    dialects: SERVING,
    set: [],
    build: (options) => access(options, "frontend", frontendRules("pods")),
  },
  {
    name: "runner-rbac",
    file: "runner_rbac.yaml",
    what: "account and Roles of `understudy up --kubeconfig`, which plays operator and node",
    dialects: ["1.0"],
    set: [],
    build: runnerAccess,
  },
  {
    name: "shard-rbac",
    file: "shard_rbac.yaml",
    what: "accounts and Roles of shards, and of who runs them (--executor kubernetes)",
    dialects: SERVING,
    set: [],
    build: shardAccess,
  },
  {
    name: "network-policy",
    file: "network_policy.yaml",
    what: "nothing but the flows that our images need",
    dialects: SERVING,
    set: [],
    build: networkPolicies,
  },
  {
    name: "disruption-budget",
    file: "disruption_budget.yaml",
    what: "one pod of a component at a time for who drains nodes",
    dialects: SERVING,
    set: [],
    build: disruptionBudgets,
  },
  {
    name: "monitoring",
    file: "monitoring.yaml",
    what: "pod monitors, and the Grafana dashboard as a ConfigMap",
    dialects: SERVING,
    set: [],
    build: monitoring,
  },
  {
    name: "dashboard",
    file: "grafana_dashboard.json",
    what: "the Grafana dashboard alone, to be imported",
    dialects: SERVING,
    set: [],
    build: monitoring,
    text: dashboardJson,
  },
];
