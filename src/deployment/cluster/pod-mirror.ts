import { DYNAMO_LABELS, type KubernetesClient, type LocalDeployment, type Pace } from "#planner/connectors";
import { covers } from "./covers.ts";
import { type ApiObject, corePath, isOwnedBy, MANAGED_BY, type ResourceVersionName } from "./objects.ts";
import { type PodPicture, podPictures } from "./pods.ts";
import { Reflector } from "./reflector.ts";
import type { ClusterWrites } from "./writes.ts";

export interface PodMirrorOptions {
  client: KubernetesClient;
  writes: ClusterWrites;
  version: ResourceVersionName;
  namespace: string;
  /** Name of the node that pods are bound to. */
  node: string;
  /** Model time over the clock's. */
  timeScale: number;
  pace: Pace;
  /** Something about a deployment's pods changed that was not of our doing. */
  changed: (graph: string) => void;
  trouble: (why: string | null) => void;
}

/** Requests at once: an API server gives one client a share of its attention. */
const CONCURRENCY = 8;

/** Keeps a pod in the API for each replica of this machine, so that those who count pods (planners, people) find them. */
export class PodMirror {
  readonly #options: PodMirrorOptions;
  readonly #pods: Reflector;

  constructor(options: PodMirrorOptions) {
    this.#options = options;
    const labels = Object.entries(MANAGED_BY).map(([key, value]) => `${key}=${value}`);
    this.#pods = new Reflector({
      client: options.client,
      path: corePath(options.namespace, "pods"),
      labelSelector: [...labels, DYNAMO_LABELS.graph].join(","),
      pace: options.pace,
      trouble: options.trouble,
      changed: ({ metadata }, gone) => {
        if (gone) options.changed(metadata.labels?.[DYNAMO_LABELS.graph] ?? "");
      },
    });
  }

  start(): Promise<void> {
    return this.#pods.start();
  }

  stop(): Promise<void> {
    return this.#pods.stop();
  }

  async show(
    graph: ApiObject,
    running: LocalDeployment,
    image: (component: string) => string | undefined,
  ): Promise<void> {
    const { version, node, timeScale } = this.#options;
    const pictures = podPictures(graph, version, running, { node, timeScale }, image);
    const wanted = new Set(pictures.map(({ name }) => name));
    const extra = this.#of(graph.metadata.name).filter(
      (pod) => !wanted.has(pod.metadata.name) || !isOwnedBy(pod, graph),
    );
    await inParallel(extra, (pod) => this.#delete(pod.metadata.name));
    await inParallel(pictures, (picture) => this.#put(picture));
  }

  async removeAll(graph: string): Promise<void> {
    await inParallel(this.#of(graph), (pod) => this.#delete(pod.metadata.name));
  }

  #of(graph: string): ApiObject[] {
    return this.#pods.all().filter(({ metadata }) => metadata.labels?.[DYNAMO_LABELS.graph] === graph);
  }

  async #put({ name, object, status }: PodPicture): Promise<void> {
    const { writes, namespace } = this.#options;
    let pod = this.#pods.get(name);
    // A pod's containers can't change: a replica that moved to another port is another pod.
    if (pod !== undefined && portOf(pod) !== portOf(object)) {
      await this.#delete(name);
      pod = undefined;
    }
    if (pod === undefined) {
      pod = (await writes.create(corePath(namespace, "pods"), object)).object;
      this.#pods.learn(pod);
    }
    if (covers(pod.status, status)) return;
    this.#pods.learn(await writes.status(corePath(namespace, "pods", name), status));
  }

  async #delete(name: string): Promise<void> {
    const { writes, namespace } = this.#options;
    await writes.delete(corePath(namespace, "pods", name), 0);
    this.#pods.unlearn(name);
  }
}

interface PodSpec {
  containers?: { ports?: { containerPort?: number }[] }[];
}

function portOf(pod: { spec?: unknown }): number | undefined {
  return (pod.spec as PodSpec | undefined)?.containers?.[0]?.ports?.[0]?.containerPort;
}

async function inParallel<Item>(items: readonly Item[], work: (item: Item) => Promise<void>): Promise<void> {
  const rest = [...items];
  const lane = async () => {
    for (let item = rest.shift(); item !== undefined; item = rest.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, lane));
}
