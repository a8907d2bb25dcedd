import { readFileSync } from "node:fs";
import { load, loadAll } from "js-yaml";
import { waitFor } from "../integration/processes.ts";
import type { ApiUser, KubeApiServer, KubeObject } from "./api-server.ts";

const DOC = new URL("../../docs/planner-kubernetes.md", import.meta.url);

export interface Rule {
  apiGroups: string[];
  resources: string[];
  resourceNames?: string[];
  verbs: string[];
}

/** Of the Role that docs/planner-kubernetes.md shows. */
export function documentedRules(): Rule[] {
  const yaml = /```yaml\n(apiVersion: rbac[\s\S]*?)```/.exec(readFileSync(DOC, "utf8"))![1]!;
  return (load(yaml) as { rules: Rule[] }).rules;
}

/** Of the planner in a pod, as the same page shows them. */
export function documentedManifests(): KubeObject[] {
  const yaml = /```yaml\n(apiVersion: v1\nkind: ServiceAccount[\s\S]*?)```/.exec(readFileSync(DOC, "utf8"))![1]!;
  return loadAll(yaml) as KubeObject[];
}

interface PlannerContainer {
  args: string[];
  env: { name: string; value?: string }[];
}

export function containerOf(deployment: KubeObject): PlannerContainer {
  const { template } = deployment.spec as { template: { spec: { containers: PlannerContainer[] } } };
  return template.spec.containers[0]!;
}

/** Binds a Role with these rules to the user, and waits until it is in force. */
export async function allow(
  server: KubeApiServer,
  namespace: string,
  user: ApiUser,
  rules: readonly Rule[],
): Promise<void> {
  const rbac = `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}`;
  await server.json("POST", `${rbac}/roles`, { metadata: { name: user }, rules });
  await server.json("POST", `${rbac}/rolebindings`, {
    metadata: { name: user },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: user },
    subjects: [{ kind: "User", name: user }],
  });
  const attributes = { namespace, verb: "get", group: "nvidia.com", resource: "dynamographdeployments" };
  await waitFor("the role to be in force", async () => {
    const path = "/apis/authorization.k8s.io/v1/subjectaccessreviews";
    const review = { spec: { user, resourceAttributes: attributes } };
    return (await server.json<{ status: { allowed: boolean } }>("POST", path, review)).status.allowed;
  });
}
