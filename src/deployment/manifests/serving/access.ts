import { GLOBAL_PLANNER_LEASE, plannerLease } from "#planner/connectors";
import type { DeploymentDialect, KubernetesObject } from "../../types.ts";
import type { ManifestOptions } from "../options.ts";
import { ownLabels } from "./labels.ts";

export interface Rule {
  apiGroups: string[];
  resources: string[];
  resourceNames?: string[];
  verbs: string[];
}

/** Who acts, in whose name: the account, its Role and the binding are called `<deployment>-<component>`. */
type Component = "frontend" | "planner" | "global-planner" | "worker" | "shard" | "executor";

const CORE = "";
const DYNAMO = "nvidia.com";

export function rule(group: string, resource: string, verbs: string[], names?: string[]): Rule {
  return {
    apiGroups: [group],
    resources: [resource],
    ...(names === undefined ? {} : { resourceNames: names }),
    verbs,
  };
}

/** Events, and the Lease by which several planners agree. */
function commonPlannerRules(lease: string): Rule[] {
  return [
    rule("events.k8s.io", "events", ["create", "patch"]),
    rule("coordination.k8s.io", "leases", ["create"]),
    rule("coordination.k8s.io", "leases", ["get", "update"], [lease]),
  ];
}

/**
 * What the planner does to one DynamoGraphDeployment. Since v1beta1 replicas belong to scaling adapters, whose names are those of
 * its components, and the deployment's status counts them; before that ready pods are counted.
 */
export function plannerRules(name: string, dialect: DeploymentDialect): Rule[] {
  return [
    rule(DYNAMO, "dynamographdeployments", ["get", "watch", "patch"], [name]),
    dialect === "1.0"
      ? rule(DYNAMO, "dynamographdeploymentscalingadapters/scale", ["get", "patch"])
      : rule(CORE, "pods", ["list"]),
    ...commonPlannerRules(plannerLease(name)),
  ];
}

/** What the global planner does to all DynamoGraphDeployments (v1beta1) of a namespace. */
export function globalPlannerRules(): Rule[] {
  return [
    rule(DYNAMO, "dynamographdeployments", ["get", "list", "patch"]),
    rule(DYNAMO, "dynamographdeploymentscalingadapters/scale", ["get", "patch"]),
    ...commonPlannerRules(GLOBAL_PLANNER_LEASE),
  ];
}

/** What it does to Deployments with the labels of one deployment: their scale belongs to it, all else is only read. */
export function plannerOfDeploymentsRules(name: string): Rule[] {
  return [
    rule("apps", "deployments", ["list", "watch"]),
    rule("apps", "deployments/scale", ["patch"]),
    ...commonPlannerRules(plannerLease(name)),
  ];
}

/** How the frontend finds workers: as running pods under the operator, by EndpointSlices of Services without it. */
export function frontendRules(by: "pods" | "endpointslices"): Rule[] {
  return [rule(by === "pods" ? CORE : "discovery.k8s.io", by, ["list", "watch"])];
}

/** Whose accounts those of shards and their executor are, in the place of a deployment's. */
const OWN_NAME = "understudy";
export const SHARD_ACCOUNT = `${OWN_NAME}-shard`;

/** What a shard does: it hands its result in, and asks when to begin. It reads no ConfigMap and no Secret by the API. */
export function shardRules(): Rule[] {
  return [rule(CORE, "configmaps", ["create"]), rule("coordination.k8s.io", "leases", ["get"])];
}

/** What `--executor kubernetes` does: a Job with its input, and what comes back. All of it belongs to the Job, and goes with it. */
export function executorRules(): Rule[] {
  return [
    rule("batch", "jobs", ["create", "get", "delete"]),
    rule(CORE, "configmaps", ["create", "list", "delete"]),
    rule(CORE, "secrets", ["create"]),
    rule("coordination.k8s.io", "leases", ["create"]),
    rule(CORE, "pods", ["list"]),
  ];
}

/** Accounts, Roles and bindings of both. */
export function shardAccess(options: ManifestOptions): KubernetesObject[] {
  const own = { ...options, serving: { ...options.serving, name: OWN_NAME } };
  return [...access(own, "shard", shardRules()), ...access(own, "executor", executorRules())];
}

/** An account; pods whose programs ask no API get no token of it. */
export function account(options: ManifestOptions, component: Component): KubernetesObject {
  const { name } = options.serving;
  return {
    apiVersion: "v1",
    kind: "ServiceAccount",
    metadata: { name: `${name}-${component}`, namespace: options.namespace, labels: ownLabels(name, component) },
    automountServiceAccountToken: component !== "worker",
  };
}

/** An account with a Role of exactly these rules. */
export function access(options: ManifestOptions, component: Component, rules: Rule[]): KubernetesObject[] {
  const { namespace, serving } = options;
  const name = `${serving.name}-${component}`;
  const metadata = { name, namespace, labels: ownLabels(serving.name, component) };
  const api = "rbac.authorization.k8s.io";
  return [
    account(options, component),
    { apiVersion: `${api}/v1`, kind: "Role", metadata, rules },
    {
      apiVersion: `${api}/v1`,
      kind: "RoleBinding",
      metadata,
      roleRef: { apiGroup: api, kind: "Role", name },
      subjects: [{ kind: "ServiceAccount", name, namespace }],
    },
  ];
}
