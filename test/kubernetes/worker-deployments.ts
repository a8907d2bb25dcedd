import type { Role, Targets } from "#planner/core";
import type { KubeApiServer, KubeObject } from "./api-server.ts";

const GRAPH = "nvidia.com/dynamo-graph-deployment-name";

export interface WorkerDeployment {
  name: string;
  role?: Role;
  /** Beside that of the deployment's name. */
  labels?: Record<string, string>;
  replicas?: number;
  containers?: object[];
}

export const PAIR: readonly WorkerDeployment[] = [
  { name: "frontend", labels: { "nvidia.com/dynamo-component-type": "frontend" } },
  {
    name: "prefill",
    role: "prefill",
    labels: { "nvidia.com/dynamo-component-type": "worker", "nvidia.com/dynamo-sub-component-type": "prefill" },
    containers: [worker(2, "--model", "llama")],
  },
  {
    name: "decode",
    role: "decode",
    labels: { "nvidia.com/dynamo-component-type": "worker", "nvidia.com/dynamo-sub-component-type": "decode" },
    containers: [{ name: "proxy", image: "none" }, worker(4, "--model=llama")],
  },
];

export function worker(gpus: number, ...args: string[]): object {
  return { name: "engine", image: "none", args, resources: { limits: { "nvidia.com/gpu": String(gpus) } } };
}

interface Deployment extends KubeObject {
  metadata: NonNullable<KubeObject["metadata"]> & { name: string; generation: number };
  spec: { replicas: number };
}

/** Deployments of one namespace on a real API server, and the hands that play the controller that is not there. */
export class TestDeployments {
  readonly #server: KubeApiServer;
  readonly namespace: string;
  readonly name: string;
  readonly #all: readonly WorkerDeployment[];

  private constructor(server: KubeApiServer, namespace: string, name: string, all: readonly WorkerDeployment[]) {
    this.#server = server;
    this.namespace = namespace;
    this.name = name;
    this.#all = all;
  }

  /** Created, and all that they ask for serves. */
  static async create(
    server: KubeApiServer,
    { namespace, name = "llama", all = PAIR }: { namespace: string; name?: string; all?: readonly WorkerDeployment[] },
  ): Promise<TestDeployments> {
    const made = new TestDeployments(server, namespace, name, all);
    for (const each of all) await server.json("POST", made.path(), made.#object(each));
    await made.settle();
    return made;
  }

  path(name?: string): string {
    const all = `/apis/apps/v1/namespaces/${this.namespace}/deployments`;
    return name === undefined ? all : `${all}/${name}`;
  }

  get roles(): Role[] {
    return (["prefill", "decode"] as const).filter((role) => this.#all.some((each) => each.role === role));
  }

  async asked(): Promise<Partial<Targets>> {
    const asked: Partial<Targets> = {};
    for (const { name, role } of this.#all)
      if (role !== undefined) asked[role] = (await this.#read(name)).spec.replicas;
    return asked;
  }

  async settle(): Promise<void> {
    for (const { name } of this.#all) {
      const { spec } = await this.#read(name);
      await this.setStatus(name, { available: spec.replicas });
    }
  }

  async setReady(ready: boolean): Promise<void> {
    const { decode = 1 } = await this.asked();
    await this.setStatus(this.#nameOf("decode"), { available: decode, isAvailable: ready });
  }

  async setReplicas(targets: Partial<Targets>): Promise<void> {
    for (const [role, replicas] of Object.entries(targets)) {
      await this.#server.merge(this.path(this.#nameOf(role as Role)), { spec: { replicas } });
    }
  }

  /** As the deployment controller writes it: what is 0 is left out. */
  async setStatus(
    name: string,
    counts: { available: number; replicas?: number; updated?: number; isAvailable?: boolean },
  ): Promise<void> {
    const { metadata } = await this.#read(name);
    const { available, replicas = available, updated = available, isAvailable = true } = counts;
    const or = (count: number) => (count === 0 ? null : count);
    const condition = {
      type: "Available",
      status: isAvailable ? "True" : "False",
      reason: isAvailable ? "MinimumReplicasAvailable" : "MinimumReplicasUnavailable",
      message: isAvailable ? "Deployment has minimum availability." : "Deployment does not have minimum availability.",
      lastUpdateTime: "2026-01-01T00:00:00Z",
      lastTransitionTime: "2026-01-01T00:00:00Z",
    };
    await this.#server.merge(`${this.path(name)}/status`, {
      status: {
        observedGeneration: metadata.generation,
        replicas: or(replicas),
        updatedReplicas: or(updated),
        readyReplicas: or(available),
        availableReplicas: or(available),
        conditions: [condition],
      },
    });
  }

  #nameOf(role: Role): string {
    return this.#all.find((each) => each.role === role)!.name;
  }

  #read(name: string): Promise<Deployment> {
    return this.#server.json<Deployment>("GET", this.path(name));
  }

  #object({ name, labels = {}, replicas = 1, containers = [{ name: "main", image: "none" }] }: WorkerDeployment) {
    const own = { app: name };
    return {
      metadata: { name, labels: { [GRAPH]: this.name, ...labels } },
      spec: {
        replicas,
        selector: { matchLabels: own },
        template: { metadata: { labels: own }, spec: { containers } },
      },
    };
  }
}
