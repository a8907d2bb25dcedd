import type { Role, Targets } from "#planner/core";
import { type RoleQuestion, type RoleResolution, resolveRoles } from "../roles.ts";
import type { DeploymentFacts, DeploymentState, RoleState } from "../types.ts";
import type { AdapterScale, CallOptions, GraphApi } from "./api.ts";
import type { Graph, GraphComponent } from "./graph.ts";

/** One role's component with its adapter. */
export interface Part {
  role: Role;
  component: GraphComponent;
  adapter: AdapterScale | null;
  /** Replicas that are asked for: where there is an adapter, it owns them. */
  desired: number;
}

/** The deployment at one moment, as far as the roles concern it. */
export interface View {
  graph: Graph;
  /** In the roles' order. */
  parts: readonly Part[];
  resolution: RoleResolution<GraphComponent>;
}

export async function viewOf(api: GraphApi, question: RoleQuestion, options: CallOptions = {}): Promise<View> {
  const graph = await api.graph(options);
  const resolution = resolveRoles(graph.components, question);
  const found = question.roles.flatMap((role) => {
    const component = resolution.components[role];
    return component === undefined ? [] : [{ role, component }];
  });
  const parts = await Promise.all(
    found.map(async ({ role, component }): Promise<Part> => {
      const adapter = component.mayHaveAdapter ? await api.adapter(component.name, options) : null;
      return { role, component, adapter, desired: adapter?.replicas ?? component.replicas };
    }),
  );
  return { graph, parts, resolution };
}

export function desiredOf({ parts }: View): Partial<Targets> {
  return Object.fromEntries(parts.map(({ role, desired }) => [role, desired]));
}

export function factsOf({ parts, resolution }: View): DeploymentFacts {
  const gpusPerReplica: Partial<Targets> = {};
  for (const { role, component } of parts) if (component.gpus !== null) gpusPerReplica[role] = component.gpus;
  return { model: resolution.model, gpusPerReplica };
}

/** @param readyPods of v1alpha1, whose status counts none. @returns null where nobody says how many workers serve */
export function stateOf(view: View, readyPods: ReadonlyMap<string, number> | null): DeploymentState | null {
  const { graph, parts, resolution } = view;
  const roles: Partial<Record<Role, RoleState>> = {};
  for (const part of parts) {
    const state = readyPods === null ? byStatus(part, graph) : byPods(part, graph, readyPods);
    if (state === null) return null;
    roles[part.role] = state;
  }
  return { ready: graph.ready, notReadyReason: graph.notReadyReason, roles, model: resolution.model };
}

function byStatus(part: Part, graph: Graph): RoleState | null {
  const { role, component, desired } = part;
  const { status } = component;
  const isCurrent = graph.isStatusFresh && component.replicas === desired;
  let ready = status?.availableReplicas ?? status?.readyReplicas;
  // An operator may leave out what has no replicas.
  if (status === null && isCurrent && graph.ready && desired === 0) ready = 0;
  if (ready === undefined) return null;
  const updated = status?.updatedReplicas ?? ready;
  return {
    role,
    component: component.name,
    desired,
    ready,
    stable: isCurrent && updated === desired && ready === desired,
    gpusPerReplica: component.gpus,
  };
}

function byPods({ role, component, desired }: Part, graph: Graph, readyPods: ReadonlyMap<string, number>): RoleState {
  const ready = Math.floor((readyPods.get(component.name.toLowerCase()) ?? 0) / component.nodes);
  return {
    role,
    component: component.name,
    desired,
    ready,
    stable: graph.ready && graph.isStatusFresh && ready === desired,
    gpusPerReplica: component.gpus,
  };
}
