import type { KubernetesObject } from "../types.ts";
import { type ManifestOptions, PULL_SECRET } from "./options.ts";

interface Rule {
  apiGroups: string[];
  resources: string[];
  verbs: string[];
}

const NVIDIA = ["nvidia.com"];
const CORE = [""];
const NODES: Rule = { apiGroups: CORE, resources: ["nodes"], verbs: ["get", "list", "watch"] };

/** What the Job that is applied by hand does: it deploys candidates and reads their logs. */
const SCRIPT_RULES: Rule[] = [
  { apiGroups: NVIDIA, resources: ["dynamographdeployments"], verbs: ["get", "create", "delete"] },
  { apiGroups: CORE, resources: ["pods"], verbs: ["list"] },
  { apiGroups: CORE, resources: ["pods/log"], verbs: ["get"] },
];

/** What the Job of a request does: it keeps its results in a ConfigMap, too. */
const REQUEST_RULES: Rule[] = [
  { apiGroups: CORE, resources: ["configmaps"], verbs: ["create", "get", "update", "patch", "delete"] },
  { apiGroups: NVIDIA, resources: ["dynamographdeploymentrequests"], verbs: ["get"] },
  { apiGroups: NVIDIA, resources: ["dynamographdeployments"], verbs: ["get", "create", "delete", "list", "watch"] },
  { apiGroups: CORE, resources: ["pods"], verbs: ["list", "get", "create", "delete"] },
  { apiGroups: CORE, resources: ["pods/log"], verbs: ["get"] },
];

interface Names {
  account: string;
  role: string;
  binding: string;
}

const SCRIPT_NAMES: Names = { account: "profile-sla-sa", role: "profile-sla-role", binding: "profile-sla-binding" };
const REQUEST_NAMES: Names = {
  account: "dgdr-profiling-job",
  role: "dgdr-profiling-job",
  binding: "dgdr-profiling-job",
};

/** Account of the Job that is applied by hand, and of the Jobs of requests. */
export const SCRIPT_ACCOUNT = SCRIPT_NAMES.account;
export const REQUEST_ACCOUNT = REQUEST_NAMES.account;

/** Pods of the account pull images with the secret. */
export function serviceAccount(options: ManifestOptions): KubernetesObject[] {
  const { account } = options.dialect === "0.3" ? SCRIPT_NAMES : REQUEST_NAMES;
  return [
    {
      apiVersion: "v1",
      kind: "ServiceAccount",
      metadata: { name: account, namespace: options.namespace },
      imagePullSecrets: [{ name: PULL_SECRET }],
    },
  ];
}

export function role(options: ManifestOptions): KubernetesObject[] {
  const script = options.dialect === "0.3";
  const rules = script ? SCRIPT_RULES : REQUEST_RULES;
  const { role: name } = script ? SCRIPT_NAMES : REQUEST_NAMES;
  return [
    {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: options.cluster ? "ClusterRole" : "Role",
      metadata: { name, ...(options.cluster ? {} : { namespace: options.namespace }) },
      // Nodes belong to no namespace: only a ClusterRole can read them, which GPU discovery needs.
      rules: options.cluster ? [...rules, NODES] : rules,
    },
  ];
}

export function roleBinding(options: ManifestOptions): KubernetesObject[] {
  const names = options.dialect === "0.3" ? SCRIPT_NAMES : REQUEST_NAMES;
  return [
    {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: options.cluster ? "ClusterRoleBinding" : "RoleBinding",
      metadata: { name: names.binding, ...(options.cluster ? {} : { namespace: options.namespace }) },
      roleRef: {
        apiGroup: "rbac.authorization.k8s.io",
        kind: options.cluster ? "ClusterRole" : "Role",
        name: names.role,
      },
      subjects: [{ kind: "ServiceAccount", name: names.account, namespace: options.namespace }],
    },
  ];
}
