import { DYNAMO_LABELS, type LocalDeployment } from "#planner/connectors";
import {
  ADAPTERS,
  type ApiObject,
  apiTime,
  dynamoPath,
  GROUP,
  isOwnedBy,
  MANAGED_BY,
  ownerOf,
  type ResourceVersionName,
} from "./objects.ts";
import type { Reflector } from "./reflector.ts";
import type { ClusterWrites } from "./writes.ts";

/** One component that an adapter stands for. */
export interface AdaptedComponent {
  name: string;
  /** As the deployment says. */
  replicas: number;
}

export interface AdaptersOptions {
  writes: ClusterWrites;
  version: ResourceVersionName;
  namespace: string;
  known: Reflector;
  now: () => number;
}

/** DynamoGraphDeploymentScalingAdapters, as Dynamo's operator keeps them: one a component that opts in, and owner of its replicas. */
export class Adapters {
  readonly #options: AdaptersOptions;

  constructor(options: AdaptersOptions) {
    this.#options = options;
  }

  /**
   * Makes those that are missing and deletes those that are not wanted any more.
   * @returns replicas that adapters ask for and the deployment does not say yet, by component
   */
  async reconcile(graph: ApiObject, components: readonly AdaptedComponent[]): Promise<Map<string, number>> {
    const { writes, version, namespace, known } = this.#options;
    const wanted = new Map(
      components.map((component) => [adapterName(graph.metadata.name, component.name), component]),
    );
    for (const adapter of known.all()) {
      if (wanted.has(adapter.metadata.name) || !isOwnedBy(adapter, graph)) continue;
      await writes.delete(dynamoPath(version, namespace, ADAPTERS, adapter.metadata.name));
    }
    const different = new Map<string, number>();
    for (const [name, component] of wanted) {
      let adapter = known.get(name);
      if (adapter === undefined) {
        const made = await writes.create(dynamoPath(version, namespace, ADAPTERS), this.#picture(graph, component));
        adapter = made.object;
        known.learn(adapter);
      }
      const replicas = Number(adapter.spec?.replicas ?? component.replicas);
      if (replicas !== component.replicas) different.set(component.name, replicas);
    }
    return different;
  }

  /** Says what there is of each component. */
  async tell(graph: ApiObject, components: readonly AdaptedComponent[], running: LocalDeployment): Promise<void> {
    const { writes, version, namespace, known, now } = this.#options;
    for (const { name } of components) {
      const adapter = known.get(adapterName(graph.metadata.name, name));
      const part = running.components.find((component) => component.name === name);
      if (adapter === undefined || part === undefined) continue;
      const status = adapter.status ?? {};
      const selector = `${DYNAMO_LABELS.graph}=${graph.metadata.name},${DYNAMO_LABELS.component}=${name.toLowerCase()}`;
      const count = running.replicas.filter(
        ({ component, state }) => component === name && state !== "draining",
      ).length;
      if (status.replicas === count && status.selector === selector) continue;
      const isScaled = status.replicas !== undefined && status.replicas !== count;
      const changed = await writes.status(dynamoPath(version, namespace, ADAPTERS, adapter.metadata.name), {
        replicas: count,
        selector,
        ...(isScaled ? { lastScaleTime: apiTime(now()) } : {}),
      });
      known.learn(changed);
    }
  }

  async removeAll(graph: ApiObject): Promise<void> {
    const { writes, version, namespace, known } = this.#options;
    for (const adapter of known.all()) {
      if (!isOwnedBy(adapter, graph)) continue;
      await writes.delete(dynamoPath(version, namespace, ADAPTERS, adapter.metadata.name));
    }
  }

  /** Those of a deployment that is gone: a cluster's garbage collector would, where there is one. */
  async removeOrphans(graph: string): Promise<void> {
    const { writes, version, namespace, known } = this.#options;
    const labels = Object.entries({ ...MANAGED_BY, [DYNAMO_LABELS.graph]: graph });
    for (const { metadata } of known.all()) {
      if (!labels.every(([key, value]) => metadata.labels?.[key] === value)) continue;
      await writes.delete(dynamoPath(version, namespace, ADAPTERS, metadata.name));
    }
  }

  #picture(graph: ApiObject, { name, replicas }: AdaptedComponent): Record<string, unknown> {
    const { version, namespace } = this.#options;
    const member = version === "v1beta1" ? "componentName" : "serviceName";
    return {
      apiVersion: `${GROUP}/${version}`,
      kind: "DynamoGraphDeploymentScalingAdapter",
      metadata: {
        name: adapterName(graph.metadata.name, name),
        namespace,
        labels: {
          ...MANAGED_BY,
          [DYNAMO_LABELS.graph]: graph.metadata.name,
          [DYNAMO_LABELS.component]: name.toLowerCase(),
        },
        ownerReferences: [ownerOf(graph, { apiVersion: `${GROUP}/${version}`, kind: "DynamoGraphDeployment" })],
      },
      spec: { replicas, dgdRef: { name: graph.metadata.name, [member]: name } },
    };
  }
}

export function adapterName(graph: string, component: string): string {
  return `${graph}-${component.toLowerCase()}`;
}
