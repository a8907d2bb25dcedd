import type { Role, Targets } from "#planner/core";
import type { KubeApiServer, KubeObject } from "./api-server.ts";

export type GraphVersion = "v1alpha1" | "v1beta1";

export interface TestGraphOptions {
  version: GraphVersion;
  namespace: string;
  name?: string;
  /** Component of each role; default: named and typed for it. */
  components?: readonly TestComponent[];
  /** Components with a scaling adapter. Default: all of v1beta1. */
  adapters?: readonly string[];
}

export interface TestComponent {
  name: string;
  type?: string;
  role?: Role;
  replicas?: number;
  gpus?: number;
  args?: string[];
  minAvailable?: number;
  nodes?: number;
}

export const DISAGGREGATED: readonly TestComponent[] = [
  { name: "Frontend", type: "frontend", replicas: 1 },
  { name: "VllmPrefillWorker", type: "prefill", role: "prefill", replicas: 1, gpus: 2, args: ["--model", "llama"] },
  { name: "VllmDecodeWorker", type: "decode", role: "decode", replicas: 1, gpus: 4, args: ["--model", "llama"] },
];

/** A DynamoGraphDeployment on a real API server, and the hands that play Dynamo's operator. */
export class TestGraph {
  readonly server: KubeApiServer;
  readonly namespace: string;
  readonly name: string;
  readonly version: GraphVersion;
  readonly components: readonly TestComponent[];
  readonly adapters: readonly string[];

  private constructor(server: KubeApiServer, options: TestGraphOptions) {
    this.server = server;
    this.namespace = options.namespace;
    this.name = options.name ?? "vllm-disagg";
    this.version = options.version;
    this.components = options.components ?? DISAGGREGATED;
    const all = this.components.map(({ name }) => name).filter((name) => name !== "Frontend");
    this.adapters = options.adapters ?? (this.version === "v1beta1" ? all : []);
  }

  /** Created, ready, each component with its replicas serving. */
  static async create(server: KubeApiServer, options: TestGraphOptions): Promise<TestGraph> {
    const graph = new TestGraph(server, options);
    await server.json("POST", graph.#collection("dynamographdeployments"), graph.#object());
    for (const component of graph.adapters) await graph.#createAdapter(component);
    await graph.settle();
    return graph;
  }

  get path(): string {
    return `${this.#collection("dynamographdeployments")}/${this.name}`;
  }

  adapterPath(component: string): string {
    return `${this.#collection("dynamographdeploymentscalingadapters")}/${this.name}-${component.toLowerCase()}`;
  }

  read(): Promise<KubeObject> {
    return this.server.json("GET", this.path);
  }

  componentOf(role: Role): TestComponent {
    return this.components.find((component) => component.role === role)!;
  }

  get roles(): Role[] {
    return (["prefill", "decode"] as const).filter((role) => this.components.some((found) => found.role === role));
  }

  /** What the deployment itself says. */
  async replicasInGraph(): Promise<Record<string, number>> {
    const { spec } = (await this.read()) as { spec: GraphSpec };
    const entries = spec.services
      ? Object.entries(spec.services).map(([name, { replicas }]) => [name, replicas])
      : (spec.components ?? []).map(({ name, replicas }) => [name, replicas]);
    return Object.fromEntries(entries);
  }

  /** What the platform is asked for: adapters own the replicas of their components. */
  async asked(): Promise<Partial<Targets>> {
    const inGraph = await this.replicasInGraph();
    const asked: Partial<Targets> = {};
    for (const role of this.roles) {
      const { name } = this.componentOf(role);
      asked[role] = this.adapters.includes(name) ? await this.#adapterReplicas(name) : inGraph[name]!;
    }
    return asked;
  }

  /** As the operator does: adapters' replicas go into the deployment, as many workers serve, all is ready. */
  async settle(): Promise<void> {
    for (const component of this.adapters) await this.#setInGraph(component, await this.#adapterReplicas(component));
    const counts = await this.replicasInGraph();
    if (this.version === "v1alpha1") await this.#settlePods(counts);
    await this.setStatus(true, counts);
  }

  async setReady(ready: boolean): Promise<void> {
    await this.setStatus(ready, await this.replicasInGraph());
  }

  /** @param available workers that serve, by component */
  async setStatus(ready: boolean, available: Record<string, number>): Promise<void> {
    const { metadata } = await this.read();
    const generation = metadata!.generation;
    const condition = {
      type: "Ready",
      status: ready ? "True" : "False",
      reason: ready ? "all_resources_are_ready" : "some_resources_are_not_ready",
      message: ready ? "All resources are ready" : "VllmDecodeWorker: 0/1 ready",
      lastTransitionTime: "2026-01-01T00:00:00Z",
      observedGeneration: generation,
    };
    const components = Object.fromEntries(
      Object.entries(available).map(([name, count]) => [
        name,
        {
          componentKind: "Deployment",
          replicas: count,
          updatedReplicas: count,
          readyReplicas: count,
          availableReplicas: count,
        },
      ]),
    );
    const state = ready ? "successful" : "pending";
    const newer = this.version === "v1beta1" ? { components, observedGeneration: generation } : {};
    await this.server.merge(`${this.path}/status`, { status: { state, conditions: [condition], ...newer } });
  }

  async setReplicas(targets: Partial<Targets>): Promise<void> {
    for (const [role, count] of Object.entries(targets)) {
      const { name } = this.componentOf(role as Role);
      if (this.adapters.includes(name)) await this.server.merge(this.adapterPath(name), { spec: { replicas: count } });
      else await this.#setInGraph(name, count);
    }
  }

  async delete(): Promise<void> {
    await this.server.json("DELETE", this.path);
  }

  #object(): KubeObject {
    const spec =
      this.version === "v1alpha1"
        ? { services: Object.fromEntries(this.components.map((component) => [component.name, service(component)])) }
        : { components: this.components.map(v1beta1Component) };
    return {
      apiVersion: `nvidia.com/${this.version}`,
      kind: "DynamoGraphDeployment",
      metadata: { name: this.name, namespace: this.namespace },
      spec,
    };
  }

  async #createAdapter(component: string): Promise<void> {
    const replicas = this.components.find(({ name }) => name === component)!.replicas ?? 1;
    await this.server.json("POST", this.#collection("dynamographdeploymentscalingadapters"), {
      apiVersion: `nvidia.com/${this.version}`,
      kind: "DynamoGraphDeploymentScalingAdapter",
      metadata: { name: `${this.name}-${component.toLowerCase()}`, namespace: this.namespace },
      spec: { replicas, dgdRef: { name: this.name, componentName: component } },
    });
  }

  async #adapterReplicas(component: string): Promise<number> {
    const { spec } = (await this.server.json("GET", this.adapterPath(component))) as { spec: { replicas: number } };
    return spec.replicas;
  }

  async #setInGraph(component: string, replicas: number): Promise<void> {
    const index = this.components.findIndex(({ name }) => name === component);
    const path = this.version === "v1alpha1" ? `/spec/services/${component}` : `/spec/components/${index}`;
    const patch = [{ op: "add", path: `${path}/replicas`, value: replicas }];
    await this.server.json("PATCH", this.path, patch, "application/json-patch+json");
  }

  async #settlePods(counts: Record<string, number>): Promise<void> {
    const pods = `/api/v1/namespaces/${this.namespace}/pods`;
    for (const { name, nodes = 1 } of this.components) {
      const label = `nvidia.com/dynamo-graph-deployment-name=${this.name},nvidia.com/dynamo-component=${name}`;
      const found = await this.server.json<{ items: KubeObject[] }>(
        "GET",
        `${pods}?labelSelector=${encodeURIComponent(label)}`,
      );
      const wanted = (counts[name] ?? 0) * nodes;
      for (const pod of found.items.slice(wanted)) {
        await this.server.json("DELETE", `${pods}/${pod.metadata!.name}`, { gracePeriodSeconds: 0 });
      }
      for (let have = found.items.length; have < wanted; have++) await this.#createPod(pods, name);
    }
  }

  async #createPod(pods: string, component: string): Promise<void> {
    const labels = {
      "nvidia.com/dynamo-graph-deployment-name": this.name,
      "nvidia.com/dynamo-component": component,
    };
    const pod = await this.server.json("POST", pods, {
      metadata: { generateName: `${this.name}-${component.toLowerCase()}-`, labels },
      spec: { containers: [{ name: "main", image: "none" }] },
    });
    const conditions = [{ type: "Ready", status: "True" }];
    await this.server.merge(`${pods}/${pod.metadata!.name}/status`, { status: { phase: "Running", conditions } });
  }

  #collection(resource: string): string {
    return `/apis/nvidia.com/${this.version}/namespaces/${this.namespace}/${resource}`;
  }
}

interface GraphSpec {
  services?: Record<string, { replicas: number }>;
  components?: { name: string; replicas: number }[];
}

function service({ type, role, replicas = 1, gpus, args, nodes }: TestComponent): object {
  return {
    componentType: role === undefined ? (type ?? "main") : "worker",
    ...(role !== undefined && type !== undefined ? { subComponentType: type } : {}),
    replicas,
    ...(gpus === undefined ? {} : { resources: { limits: { gpu: String(gpus) } } }),
    ...(nodes === undefined ? {} : { multinode: { nodeCount: nodes } }),
    ...(args === undefined ? {} : { extraPodSpec: { mainContainer: { name: "main", image: "none", args } } }),
  };
}

function v1beta1Component({ name, type, replicas = 1, gpus, args, minAvailable, nodes }: TestComponent): object {
  const limits = gpus === undefined ? {} : { resources: { limits: { "nvidia.com/gpu": String(gpus) } } };
  const main = { name: "main", image: "none", ...limits, ...(args === undefined ? {} : { args }) };
  return {
    name,
    ...(type === undefined ? {} : { type }),
    replicas,
    ...(minAvailable === undefined ? {} : { minAvailable }),
    ...(nodes === undefined ? {} : { multinode: { nodeCount: nodes } }),
    podTemplate: { spec: { containers: [main] } },
  };
}
