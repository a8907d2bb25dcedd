import type { Role, Targets } from "#planner/core";
import { type Backend, resolveRoles } from "../roles.ts";
import { GraphApi } from "./api.ts";
import { type ClusterOptions, KubernetesClient } from "./client.ts";
import type { Graph, GraphComponent } from "./graph.ts";

/** What of a DynamoGraphDeployment can be scaled, found without knowing what its planner scales. */
export interface ScalableGraph {
  namespace: string;
  name: string;
  /** Empty where no component plays a role, or several play the same. */
  roles: readonly Role[];
  /** Whose names its workers bear, where they have no type. */
  backend: Backend;
  /** Replicas that are asked for, by the deployment itself: an adapter may be ahead of it. */
  replicas: Partial<Targets>;
  /** GPUs of a replica, where its resources say. */
  gpus: Partial<Targets>;
  /** GPUs that components of no role ask for. */
  otherGpus: number;
}

type Components = Partial<Record<Role, GraphComponent>>;

const ROLES = ["prefill", "decode"] as const;
const BACKENDS: readonly Backend[] = ["vllm", "sglang", "trtllm"];

/** @throws UserError where no cluster or no such resource is found; ApiFailure, ApiUnavailable */
export async function scalableGraphs(cluster: ClusterOptions): Promise<ScalableGraph[]> {
  const client = await KubernetesClient.open(cluster);
  try {
    const api = await GraphApi.open(client, "");
    return (await api.all()).map(scalableOf);
  } finally {
    await client.close();
  }
}

function scalableOf(graph: Graph): ScalableGraph {
  const found = BACKENDS.map((backend) => ({ backend, components: componentsOf(graph, backend) }));
  const { backend, components } = found.reduce((a, b) => (sizeOf(b.components) > sizeOf(a.components) ? b : a));
  const scaled = Object.values(components).map(({ name }) => name);
  const others = graph.components.filter(({ name }) => !scaled.includes(name));
  const roles = ROLES.filter((role) => components[role] !== undefined);
  return {
    namespace: graph.namespace,
    name: graph.name,
    roles,
    backend,
    replicas: Object.fromEntries(roles.map((role) => [role, components[role]!.replicas])),
    gpus: Object.fromEntries(
      roles.filter((role) => components[role]!.gpus !== null).map((role) => [role, components[role]!.gpus]),
    ),
    otherGpus: others.reduce((sum, { gpus, replicas }) => sum + (gpus ?? 0) * replicas, 0),
  };
}

function componentsOf(graph: Graph, backend: Backend): Components {
  const { components } = resolveRoles(graph.components, { roles: ROLES, backend });
  if (sizeOf(components) > 0) return components;
  return resolveRoles(graph.components, { roles: ["decode"], backend }).components;
}

function sizeOf(components: Components): number {
  return Object.keys(components).length;
}
