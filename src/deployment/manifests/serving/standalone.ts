import { DYNAMO_LABELS } from "#planner/connectors";
import { encodeJsonPair } from "#profiles";
import { PLANNER_CONFIG_MOUNT, PLANNER_CONFIG_PATH, PROFILE_MOUNT } from "../../config-maps.ts";
import type { JsonObject } from "../../graph/json.ts";
import type { KubernetesObject } from "../../types.ts";
import type { ManifestOptions } from "../options.ts";
import { access, account, frontendRules, plannerOfDeploymentsRules } from "./access.ts";
import { frontendContainer, frontendService, GRACE_SECONDS, plannerContainer, workerContainer } from "./containers.ts";
import { disruptionBudgets } from "./disruption.ts";
import {
  type ComponentName,
  type ComponentType,
  componentLabels,
  ownLabels,
  podsOf,
  selectorText,
  WORKER_TYPES,
} from "./labels.ts";
import { networkPolicies } from "./network.ts";
import { PORTS, type ServingPlan, servingPlan, type WorkerPool } from "./plan.ts";
import { POD_SECURITY, SCRATCH_VOLUME, spread } from "./pod.ts";

/** The parts of a deployment without an operator, by the files in which Kustomize has them. */
export interface Standalone {
  accounts: KubernetesObject[];
  configMaps: KubernetesObject[];
  workers: KubernetesObject[];
  frontend: KubernetesObject[];
  planner: KubernetesObject[];
  networkPolicies: KubernetesObject[];
  disruptionBudgets: KubernetesObject[];
}

/** What runs mock workers, frontend and planner on a cluster that has no operator of Dynamo's: plain Deployments by its labels. */
export function standalone(options: ManifestOptions): Standalone {
  const plan = servingPlan({ ...options, flavour: "understudy" });
  return {
    accounts: [
      ...access(options, "frontend", frontendRules("endpointslices")),
      ...access(options, "planner", plannerOfDeploymentsRules(plan.name)),
      account(options, "worker"),
    ],
    configMaps: Object.entries(configFiles(plan)).map(([name, data]) => ({
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name, namespace: plan.namespace, labels: ownLabels(plan.name) },
      data,
    })),
    workers: plan.pools.flatMap((pool) => workers(plan, pool)),
    frontend: frontend(plan),
    planner: [planner(plan)],
    networkPolicies: networkPolicies(options),
    disruptionBudgets: disruptionBudgets(options),
  };
}

export function standaloneObjects(options: ManifestOptions): KubernetesObject[] {
  return Object.values(standalone(options)).flat();
}

const profileName = ({ name }: ServingPlan) => `${name}-profile`;
const configName = ({ name }: ServingPlan) => `${name}-planner-config`;

/** Contents of the ConfigMaps: file by file. */
export function configFiles(plan: ServingPlan): Record<string, Record<string, string>> {
  const settings = `${JSON.stringify(plannerConfig(plan), null, 2)}\n`;
  return {
    [profileName(plan)]: Object.fromEntries(encodeJsonPair(plan.profile)),
    [configName(plan)]: { [PLANNER_CONFIG_PATH.slice(PLANNER_CONFIG_MOUNT.length + 1)]: settings },
  };
}

function plannerConfig({ name, mode, ttftMs, itlMs, pools }: ServingPlan): JsonObject {
  const gpus = (pool: WorkerPool["name"]) => pools.find((each) => each.name === pool)?.gpus;
  return {
    environment: "kubernetes",
    kubernetes_target: "deployments",
    graph_deployment_name: name,
    mode,
    strategy: "default",
    optimization_target: "sla",
    ttft_ms: ttftMs,
    itl_ms: itlMs,
    ...(mode === "disagg" ? { prefill_engine_num_gpu: gpus("prefill") } : {}),
    decode_engine_num_gpu: gpus("decode"),
    profile_results_dir: PROFILE_MOUNT,
  };
}

function workers(plan: ServingPlan, pool: WorkerPool): KubernetesObject[] {
  const container = withMounts(workerContainer(plan, pool), [{ name: "profile", mountPath: PROFILE_MOUNT }]);
  return [
    deployment(plan, { component: pool.name, type: pool.role, replicas: pool.replicas, account: "worker" }, container, [
      { name: "profile", configMap: { name: profileName(plan) } },
    ]),
    service(plan, pool.name, pool.role, { headless: true, port: "system" }),
  ];
}

/** By the EndpointSlices of the workers' Services, which have the Services' labels. */
function frontend(plan: ServingPlan): KubernetesObject[] {
  const selector = selectorText(podsOf(plan.name, WORKER_TYPES));
  const container = frontendContainer(plan, ["--discovery", "kubernetes", "--kube-selector", selector]);
  return [
    // One: the planner asks each frontend for what it has seen, and a Service would name any of several.
    deployment(plan, { component: "Frontend", type: "frontend", replicas: 1, account: "frontend" }, container, []),
    service(plan, "Frontend", "frontend", { headless: false, port: "http" }),
  ];
}

/** Two, of which one acts. */
function planner(plan: ServingPlan): KubernetesObject {
  const container = withMounts(plannerContainer(plan), [
    { name: "profile", mountPath: PROFILE_MOUNT },
    { name: "config", mountPath: PLANNER_CONFIG_MOUNT },
  ]);
  return deployment(plan, { component: "Planner", type: "planner", replicas: 2, account: "planner" }, container, [
    { name: "profile", configMap: { name: profileName(plan) } },
    { name: "config", configMap: { name: configName(plan) } },
  ]);
}

interface Part {
  component: ComponentName;
  type: ComponentType;
  replicas: number;
  account: "frontend" | "planner" | "worker";
}

function deployment(
  plan: ServingPlan,
  { component, type, replicas, account }: Part,
  container: JsonObject,
  volumes: JsonObject[],
): KubernetesObject {
  const labels = componentLabels(plan, component, type);
  const own = { [DYNAMO_LABELS.component]: component };
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: partName(plan, component), namespace: plan.namespace, labels },
    spec: {
      // One is what there is where nothing is said, and what is not said is left to the planner when this is applied again.
      ...(replicas === 1 ? {} : { replicas }),
      selector: { matchLabels: { [DYNAMO_LABELS.graph]: plan.name, ...own } },
      strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
      template: {
        metadata: { labels },
        spec: {
          serviceAccountName: `${plan.name}-${account}`,
          ...(account === "worker" ? { automountServiceAccountToken: false } : {}),
          securityContext: POD_SECURITY,
          terminationGracePeriodSeconds: GRACE_SECONDS,
          topologySpreadConstraints: spread(plan.name, own),
          containers: [container],
          volumes: [...volumes, SCRATCH_VOLUME],
        },
      },
    },
  };
}

function service(
  plan: ServingPlan,
  component: ComponentName,
  type: ComponentType,
  { headless, port }: { headless: boolean; port: "http" | "system" },
): KubernetesObject {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: {
      name: partName(plan, component),
      namespace: plan.namespace,
      labels: componentLabels(plan, component, type),
    },
    spec: {
      ...(headless ? { clusterIP: "None" } : { type: "ClusterIP" }),
      selector: { [DYNAMO_LABELS.graph]: plan.name, [DYNAMO_LABELS.component]: component },
      ports: [{ name: port, port: PORTS[port], targetPort: port }],
    },
  };
}

function partName(plan: ServingPlan, component: ComponentName): string {
  return component === "Frontend" ? frontendService(plan) : `${plan.name}-${component.toLowerCase()}`;
}

function withMounts(container: JsonObject, mounts: JsonObject[]): JsonObject {
  const own = container.volumeMounts as JsonObject[];
  return { ...container, volumeMounts: [...mounts.map((mount) => ({ ...mount, readOnly: true })), ...own] };
}
