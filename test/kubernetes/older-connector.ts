import type {
  Connector,
  DeploymentFacts,
  DeploymentState,
  RoleState,
  ScaleOutcome,
  ScaleRequest,
} from "#planner/connectors";
import type { Role, Targets } from "#planner/core";
import type { GraphVersion } from "./graph.ts";

interface GraphObject {
  spec: {
    services?: Record<string, { replicas?: number; resources?: { limits?: { gpu?: string } } }>;
    components?: { name: string; replicas?: number }[];
  };
  status?: { conditions?: { type: string; status: string }[] };
}

export interface OlderConnectorOptions {
  /** Address of the API server, and path of the deployment. */
  server: string;
  graphPath: string;
  version: GraphVersion;
  components: Record<Role, string>;
  /** Path of a component's scaling adapter. */
  adapterPath: (component: string) => string;
}

/**
 * Replicas as Dynamo's planners changed them, October 2025 to summer 2026: one request after the other; a deployment that is not
 * ready is passed over, and success reported; where an adapter is missing the deployment is patched without a word; GPUs are read
 * where v1alpha1 has them; and what the planner wanted last is what it believes to be there.
 */
export class OlderKubernetesConnector implements Connector {
  readonly kind = "older";
  readonly #options: OlderConnectorOptions;
  readonly #believed: Partial<Targets> = {};

  constructor(options: OlderConnectorOptions) {
    this.#options = options;
  }

  async open(): Promise<DeploymentFacts> {
    for (const role of ["prefill", "decode"] as const) this.#believed[role] = await this.#replicas(role);
    const gpusPerReplica: Partial<Targets> = {};
    for (const { role, gpusPerReplica: gpus } of Object.values((await this.state()).roles)) {
      if (gpus !== null) gpusPerReplica[role] = gpus;
    }
    return { model: null, gpusPerReplica };
  }

  async state(): Promise<DeploymentState> {
    const { spec } = await this.#graph();
    const role = (name: Role): RoleState => {
      const component = this.#options.components[name];
      const gpus = spec.services?.[component]?.resources?.limits?.gpu;
      const count = this.#believed[name]!;
      return {
        role: name,
        component,
        desired: count,
        ready: count,
        stable: true,
        gpusPerReplica: gpus === undefined ? null : Number(gpus),
      };
    };
    const roles = { prefill: role("prefill"), decode: role("decode") };
    return { ready: true, notReadyReason: null, roles, model: null };
  }

  async scale({ targets }: ScaleRequest): Promise<ScaleOutcome> {
    const done: ScaleOutcome = { status: "applied", inForce: targets, message: "success" };
    const ready = (await this.#graph()).status?.conditions?.find(({ type }) => type === "Ready");
    if (ready?.status !== "True") return done;
    for (const [role, count] of Object.entries(targets) as [Role, number][]) {
      if (this.#believed[role] === count) continue;
      await this.#write(role, count);
      this.#believed[role] = count;
    }
    return done;
  }

  async close(): Promise<void> {}

  async #replicas(role: Role): Promise<number> {
    const name = this.#options.components[role];
    const { spec } = await this.#graph();
    return spec.services?.[name]?.replicas ?? spec.components?.find((found) => found.name === name)?.replicas ?? 0;
  }

  async #write(role: Role, replicas: number): Promise<void> {
    const { components, adapterPath, graphPath, version } = this.#options;
    const name = components[role];
    if (version === "v1beta1") {
      const scaled = await this.#call("PATCH", `${adapterPath(name)}/scale`, { spec: { replicas } });
      if (scaled.ok) return;
      if (scaled.status !== 404) throw new Error(`scale: ${scaled.status}`);
    }
    const index = (await this.#graph()).spec.components?.findIndex((found) => found.name === name) ?? -1;
    const path = version === "v1alpha1" ? `/spec/services/${name}/replicas` : `/spec/components/${index}/replicas`;
    const patch = [{ op: "add", path, value: replicas }];
    const patched = await this.#call("PATCH", graphPath, patch, "application/json-patch+json");
    if (!patched.ok) throw new Error(`patch: ${patched.status}`);
  }

  async #graph(): Promise<GraphObject> {
    const answer = await this.#call("GET", this.#options.graphPath);
    return (await answer.json()) as GraphObject;
  }

  #call(method: string, path: string, body?: unknown, type = "application/merge-patch+json"): Promise<Response> {
    const headers = { authorization: "Bearer admin-token", "content-type": type };
    const sent = body === undefined ? {} : { body: JSON.stringify(body) };
    return fetch(`${this.#options.server}${path}`, { method, headers, ...sent });
  }
}
