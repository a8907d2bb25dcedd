import type { Role } from "#planner/core";
import { type RoleQuestion, resolveRoles } from "../roles.ts";
import type { DeploymentState, RoleState } from "../types.ts";
import { GraphApi } from "./api.ts";
import type { CallOptions, KubernetesClient } from "./client.ts";
import { deploymentMissing } from "./errors.ts";
import { isStatus } from "./failure.ts";
import { ADAPTERS, GRAPHS, GROUP, type Graph, type GraphComponent } from "./graph.ts";
import { leaseRights, type Right, type RightsOptions } from "./rights.ts";
import type { KubernetesPlatform, Part, View } from "./view.ts";

/** One role's component, and the replicas that it is asked for: where it has an adapter, that owns them. */
interface Owned {
  role: Role;
  component: GraphComponent;
  desired: number;
}

/** Workers that are components of a DynamoGraphDeployment. */
export class GraphPlatform implements KubernetesPlatform {
  readonly #api: GraphApi;

  private constructor(api: GraphApi) {
    this.#api = api;
  }

  /** @throws UserError where the cluster knows no such resource */
  static async open(client: KubernetesClient, name: string, call: CallOptions): Promise<GraphPlatform> {
    return new GraphPlatform(await GraphApi.open(client, name, call));
  }

  get place(): string {
    return this.#api.place;
  }

  rights({ readOnly, leaderElection }: RightsOptions): Right[] {
    const { name, version } = this.#api;
    const graph = { group: GROUP, resource: GRAPHS, name };
    const rights: Right[] = [{ verb: "get", ...graph }];
    const isOld = version === "v1alpha1";
    if (isOld) rights.push({ verb: "list", group: "", resource: "pods" });
    else rights.push({ verb: "get", group: GROUP, resource: ADAPTERS, subresource: "scale" });
    if (leaderElection) rights.push(...leaseRights(name));
    if (readOnly) return rights;
    rights.push({ verb: "patch", ...graph });
    if (!isOld) rights.push({ verb: "patch", group: GROUP, resource: ADAPTERS, subresource: "scale" });
    return rights;
  }

  async view(question: RoleQuestion, call: CallOptions): Promise<View> {
    const api = this.#api;
    const graph = await this.#graph(call);
    const { components, model, problems } = resolveRoles(graph.components, question);
    const subject = {
      apiVersion: `${GROUP}/${graph.version}`,
      kind: "DynamoGraphDeployment",
      name: graph.name,
      namespace: graph.namespace,
      uid: graph.uid,
    };
    const found = question.roles.flatMap((role) => {
      const component = components[role];
      return component === undefined ? [] : [{ role, component }];
    });
    const adapters = await Promise.all(
      found.map(({ component: { name, mayHaveAdapter } }) => (mayHaveAdapter ? api.adapter(name, call) : null)),
    );
    const parts = found.map(({ role, component }, i): Part => {
      const { name, replicas, gpus, minAvailable, mayHaveAdapter } = component;
      const adapter = adapters[i]!;
      const scale = async (count: number, options: CallOptions) => {
        await api.scaleAdapter(name, adapter!, count, options);
      };
      return {
        ...{ role, name, gpus, minAvailable, subject },
        desired: adapter?.replicas ?? replicas,
        scale: adapter === null ? null : scale,
        lacksAdapter: mayHaveAdapter && adapter === null,
      };
    });
    return {
      ready: graph.ready,
      notReadyReason: graph.notReadyReason,
      parts,
      model,
      problems,
      resourceVersion: graph.resourceVersion,
      together: {
        async scale(counts, options) {
          await api.scaleComponents(graph, counts, options);
        },
        hasChanged: async () => (await api.graph()).generation !== graph.generation,
      },
      state: async (options) => {
        const pods = api.version === "v1alpha1" ? await api.readyPods(options) : null;
        const owned = found.map((each, i) => ({ ...each, desired: parts[i]!.desired }));
        return stateOf(graph, owned, model, pods);
      },
    };
  }

  changed(resourceVersion: string, signal: AbortSignal): Promise<void> {
    return this.#api.changed(resourceVersion, signal);
  }

  async #graph(call: CallOptions): Promise<Graph> {
    try {
      return await this.#api.graph(call);
    } catch (error) {
      if (!isStatus(error, 404)) throw error;
      const others = await this.#api.all(call).catch(() => []);
      throw deploymentMissing(
        this.place,
        others.map(({ name }) => name),
        error,
      );
    }
  }
}

/** @param readyPods of v1alpha1, whose status counts none. @returns null where nobody says how many workers serve */
function stateOf(
  graph: Graph,
  owned: readonly Owned[],
  model: string | null,
  readyPods: ReadonlyMap<string, number> | null,
): DeploymentState | null {
  const roles: Partial<Record<Role, RoleState>> = {};
  for (const part of owned) {
    const state = readyPods === null ? byStatus(part, graph) : byPods(part, graph, readyPods);
    if (state === null) return null;
    roles[part.role] = state;
  }
  return { ready: graph.ready, notReadyReason: graph.notReadyReason, roles, model };
}

function byStatus({ role, component, desired }: Owned, graph: Graph): RoleState | null {
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

function byPods({ role, component, desired }: Owned, graph: Graph, readyPods: ReadonlyMap<string, number>): RoleState {
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
