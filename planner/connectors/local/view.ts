import type { Role, Targets } from "#planner/core";
import { type RoleQuestion, resolveRoles } from "../roles.ts";
import type { DeploymentFacts, DeploymentState, RoleState } from "../types.ts";
import type { LocalComponent, LocalDeployment } from "./protocol.ts";

/** A local deployment at one moment, as far as the roles concern it. */
export interface LocalView {
  deployment: LocalDeployment;
  /** In the roles' order. */
  parts: readonly { role: Role; component: LocalComponent }[];
  /** What keeps the deployment from being planned for; one sentence each. */
  problems: readonly string[];
  model: string | null;
}

/** By the same rules as in a cluster; the runner knows the model. */
export function localViewOf(deployment: LocalDeployment, question: RoleQuestion): LocalView {
  const known = deployment.components.map((component) => ({
    name: component.name,
    type: component.role === "other" ? null : component.role,
    isUntyped: component.role === "other" || component.role === "worker",
    args: [],
    component,
  }));
  const { components, problems } = resolveRoles(known, question);
  const parts = question.roles.flatMap((role) => {
    const found = components[role];
    return found === undefined ? [] : [{ role, component: found.component }];
  });
  return { deployment, parts, problems, model: question.model ?? deployment.model };
}

export function askedFor({ parts }: LocalView): Partial<Targets> {
  return Object.fromEntries(parts.map(({ role, component }) => [role, component.replicas]));
}

export function localFactsOf({ parts, model }: LocalView): DeploymentFacts {
  const gpusPerReplica: Partial<Targets> = {};
  for (const { role, component } of parts) {
    if (component.gpusPerReplica !== null) gpusPerReplica[role] = component.gpusPerReplica;
  }
  return { model, gpusPerReplica };
}

export function localStateOf({ deployment, parts, model }: LocalView): DeploymentState {
  const isCurrent = deployment.observedGeneration >= deployment.generation;
  const roles: Partial<Record<Role, RoleState>> = {};
  for (const { role, component } of parts) {
    const { name, replicas, availableReplicas, updatedReplicas, gpusPerReplica } = component;
    roles[role] = {
      role,
      component: name,
      desired: replicas,
      ready: availableReplicas,
      stable: isCurrent && updatedReplicas === replicas && availableReplicas === replicas,
      gpusPerReplica,
    };
  }
  return { ready: deployment.ready, notReadyReason: notReadyReason(deployment), roles, model };
}

/** A worker of a local deployment as its runner tells of it. */
export interface LocalWorker {
  /** Of its replica, such as `decode-0`. */
  name: string;
  role: Role;
  state: "starting" | "ready" | "draining";
  /** Null where it can't be asked anything now. */
  url: string | null;
}

export interface LocalEndpoints {
  frontends: string[];
  workers: LocalWorker[];
}

/** Who takes requests and who serves them. What has failed for good is no worker; what is not ready or is started again still comes. */
export function localEndpointsOf(deployment: LocalDeployment, question: RoleQuestion): LocalEndpoints {
  const roleOf = new Map(localViewOf(deployment, question).parts.map(({ role, component }) => [component.name, role]));
  const isFrontend = new Set(deployment.components.flatMap(({ name, role }) => (role === "frontend" ? [name] : [])));
  const frontends = deployment.replicas.flatMap(({ component, state, url }) =>
    isFrontend.has(component) && url !== null && MAY_HAVE_TRAFFIC.has(state) ? [url] : [],
  );
  const workers = deployment.replicas.flatMap(({ name, component, state, url }): LocalWorker[] => {
    const role = roleOf.get(component);
    if (role === undefined || state === "failed") return [];
    const known = state === "ready" || state === "draining" ? state : "starting";
    return [{ name, role, state: known, url: known === "starting" ? null : url }];
  });
  if (frontends.length === 0 && deployment.frontendUrl !== null) frontends.push(deployment.frontendUrl);
  return { frontends, workers };
}

/** A frontend that is not ready for a moment has traffic to tell of. */
const MAY_HAVE_TRAFFIC: ReadonlySet<string> = new Set(["ready", "not-ready", "draining"]);

export function notReadyReason({ ready, message }: LocalDeployment): string | null {
  if (ready) return null;
  return `the deployment is not ready${message === "" ? "" : ` (${message})`}`;
}
