import { readFileSync } from "node:fs";
import { loadAll } from "js-yaml";
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
  component: "planner" | "global-planner" | "frontend" | "shard" | "executor",
  { dialect = "1.0", deployment = "mocker" }: { dialect?: DeploymentDialect; deployment?: string } = {},
): Rule[] {
  const serving = { ...MANIFEST_DEFAULTS.serving, name: deployment };
  const objects = MANIFESTS.find(({ name }) => name === manifest)!.build({ ...MANIFEST_DEFAULTS, dialect, serving });
  const name = `${deployment}-${component}`;
  return objects.find(({ kind, metadata }) => kind === "Role" && metadata?.name === name)!.rules as Rule[];
}

/** Of the Role of this name that a page shows. */
export function documentedRules(name = "understudy-planner", page: URL = DOC): Rule[] {
  const roles = objectsIn(page).filter(({ kind }) => kind === "Role") as (KubeObject & { rules: Rule[] })[];
  return roles.find(({ metadata }) => metadata!.name === name)!.rules;
}

/** The Deployments of workers that docs/planner-kubernetes.md shows. */
export function documentedDeployments(): KubeObject[] {
  return objectsIn(DOC).filter(({ kind, metadata }) => kind === "Deployment" && metadata!.labels !== undefined);
}

/** All Kubernetes objects in a page's YAML. */
function objectsIn(page: URL): KubeObject[] {
  const blocks = [...readFileSync(page, "utf8").matchAll(/^```yaml\n(apiVersion: [\s\S]*?)^```$/gm)];
  return blocks.flatMap(([, yaml]) => loadAll(yaml!) as KubeObject[]);
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
