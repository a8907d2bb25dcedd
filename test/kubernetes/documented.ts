import { readFileSync } from "node:fs";
import { load, loadAll } from "js-yaml";
import { type DeploymentDialect, MANIFEST_DEFAULTS, MANIFESTS } from "#src/deployment";
import { waitFor } from "../integration/processes.ts";
import type { ApiUser, KubeApiServer, KubeObject } from "./api-server.ts";

const DOC = new URL("../../docs/planner-kubernetes.md", import.meta.url);

export interface Rule {
  apiGroups: string[];
  resources: string[];
  resourceNames?: string[];
  verbs: string[];
}

/** Of the Role of a component that `understudy manifests` prints. */
export function printedRules(
  manifest: string,
  component: "planner" | "global-planner" | "frontend",
  { dialect = "1.0", deployment = "mocker" }: { dialect?: DeploymentDialect; deployment?: string } = {},
): Rule[] {
  const serving = { ...MANIFEST_DEFAULTS.serving, name: deployment };
  const objects = MANIFESTS.find(({ name }) => name === manifest)!.build({ ...MANIFEST_DEFAULTS, dialect, serving });
  const name = `${deployment}-${component}`;
  return objects.find(({ kind, metadata }) => kind === "Role" && metadata?.name === name)!.rules as Rule[];
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
  const [{ apiGroups, resources, resourceNames, verbs }] = rules as [Rule];
  const [resource, subresource] = resources[0]!.split("/");
  const attributes = {
    namespace,
    verb: verbs[0],
    group: apiGroups[0],
    resource,
    ...(subresource === undefined ? {} : { subresource }),
    ...(resourceNames === undefined ? {} : { name: resourceNames[0] }),
  };
  await waitFor("the role to be in force", async () => {
    const path = "/apis/authorization.k8s.io/v1/subjectaccessreviews";
    const review = { spec: { user, resourceAttributes: attributes } };
    return (await server.json<{ status: { allowed: boolean } }>("POST", path, review)).status.allowed;
  });
}
