import type { KubernetesObject } from "../../types.ts";
import type { ManifestOptions } from "../options.ts";
import { plannerRules, type Rule, rule } from "./access.ts";

const NAME = "understudy-runner";
/** Where kubelets, and who plays one, keep the leases of their nodes. */
const NODE_LEASES = "kube-node-lease";
const RBAC = "rbac.authorization.k8s.io";

/** What `understudy up --kubeconfig` does in the namespace that it plays: what Dynamo's operator, and the kubelets of its pods, do. */
function runnerRules(): Rule[] {
  return [
    rule("nvidia.com", "dynamographdeployments", ["create", "get", "list", "patch", "watch"]),
    rule("nvidia.com", "dynamographdeploymentrequests", ["list", "patch", "watch"]),
    rule("nvidia.com", "dynamographdeploymentscalingadapters", ["create", "delete", "get", "list", "watch"]),
    ...["dynamographdeployments", "dynamographdeploymentrequests", "dynamographdeploymentscalingadapters"].map(
      (resource) => rule("nvidia.com", `${resource}/status`, ["patch"]),
    ),
    rule("", "pods", ["create", "delete", "get", "list", "watch"]),
    rule("", "pods/status", ["patch"]),
    rule("", "configmaps", ["create", "delete", "get", "patch"]),
    rule("", "secrets", ["get"]),
    rule("", "persistentvolumeclaims", ["get"]),
    rule("", "serviceaccounts", ["create", "delete", "get"]),
    rule("", "serviceaccounts/token", ["create"]),
    rule("batch", "jobs", ["create", "delete", "get"]),
    rule("batch", "jobs/status", ["patch"]),
    rule("events.k8s.io", "events", ["create", "patch"]),
    rule(RBAC, "roles", ["create", "delete", "get"]),
    rule(RBAC, "rolebindings", ["create", "delete", "get"]),
    ...heldForPlanners(),
  ];
}

/** It makes planners' Roles: nobody may grant what he does not have. */
function heldForPlanners(): Rule[] {
  return plannerRules("any", "1.0")
    .filter(({ resources }) => resources.some((name) => name.endsWith("/scale") || name === "leases"))
    .map(({ resourceNames: _, ...held }) => held);
}

/** The machine is a node of the cluster, which its pods are bound to. */
const NODE_RULES = [rule("", "nodes", ["create", "delete", "get"]), rule("", "nodes/status", ["patch"])];
const NODE_LEASE_RULES = [rule("coordination.k8s.io", "leases", ["create", "delete", "get", "patch"])];

/** Account, Roles (of the namespace, of node leases), ClusterRole (of nodes) and their bindings. */
export function runnerAccess({ namespace }: ManifestOptions): KubernetesObject[] {
  const account = { kind: "ServiceAccount", name: NAME, namespace };
  const bound = (where: string | null, rules: Rule[]): KubernetesObject[] => {
    const kind = where === null ? "ClusterRole" : "Role";
    const metadata = { name: NAME, ...(where === null ? {} : { namespace: where }) };
    return [
      { apiVersion: `${RBAC}/v1`, kind, metadata, rules },
      {
        apiVersion: `${RBAC}/v1`,
        kind: `${kind}Binding`,
        metadata,
        roleRef: { apiGroup: RBAC, kind, name: NAME },
        subjects: [account],
      },
    ];
  };
  return [
    { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: NAME, namespace } },
    ...bound(namespace, runnerRules()),
    ...bound(NODE_LEASES, NODE_LEASE_RULES),
    ...bound(null, NODE_RULES),
  ];
}
