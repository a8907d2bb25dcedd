import { type CallOptions, FIELD_MANAGER, type KubernetesClient } from "./client.ts";
import { resourceMissing } from "./errors.ts";
import { orNull } from "./failure.ts";
import { ADAPTERS, GRAPHS, GROUP, type Graph, type GraphObject, type GraphVersion, graphOf } from "./graph.ts";
import { DYNAMO_LABELS } from "./labels.ts";

/** The scale subresource of an adapter. */
export interface AdapterScale {
  resourceVersion: string;
  replicas: number;
}

interface ScaleObject {
  metadata?: { resourceVersion?: string };
  spec?: { replicas?: number };
}

/** The requests about one DynamoGraphDeployment. All throw ApiFailure or ApiUnavailable. */
export class GraphApi {
  readonly client: KubernetesClient;
  readonly name: string;
  readonly version: GraphVersion;

  private constructor(client: KubernetesClient, name: string, version: GraphVersion) {
    this.client = client;
    this.name = name;
    this.version = version;
  }

  /** Takes the newest version that the cluster serves. @throws UserError where it serves none */
  static async open(client: KubernetesClient, name: string, options: CallOptions = {}): Promise<GraphApi> {
    for (const version of ["v1beta1", "v1alpha1"] as const) {
      const known = await orNull(
        client.request<{ resources?: { name?: string }[] }>({ path: `/apis/${GROUP}/${version}`, ...options }),
      );
      if (known?.resources?.some((resource) => resource.name === GRAPHS)) return new GraphApi(client, name, version);
    }
    throw resourceMissing(client.server);
  }

  get place(): string {
    return `${this.client.namespace}/${this.name}`;
  }

  async graph(options: CallOptions = {}): Promise<Graph> {
    const object = await this.client.request<GraphObject>({ path: this.#path(GRAPHS, this.name), ...options });
    return graphOf(object, this.version, this.client.namespace);
  }

  /** All deployments of the namespace. */
  async all(options: CallOptions = {}): Promise<Graph[]> {
    const found = await this.client.request<{ items?: GraphObject[] }>({ path: this.#path(GRAPHS), ...options });
    return (found.items ?? []).map((object) => graphOf(object, this.version, this.client.namespace));
  }

  /** Null where the component has none. */
  async adapter(component: string, options: CallOptions = {}): Promise<AdapterScale | null> {
    const found = await orNull(this.client.request<ScaleObject>({ path: this.#scalePath(component), ...options }));
    return found === null ? null : scaleOf(found);
  }

  /** Fails with 409 where the adapter has changed since. */
  async scaleAdapter(
    component: string,
    seen: AdapterScale,
    replicas: number,
    options: CallOptions = {},
  ): Promise<AdapterScale> {
    const answer = await this.client.request<ScaleObject>({
      method: "PATCH",
      path: this.#scalePath(component),
      query: { fieldManager: FIELD_MANAGER },
      contentType: "application/merge-patch+json",
      body: { metadata: { resourceVersion: seen.resourceVersion }, spec: { replicas } },
      ...options,
    });
    return scaleOf(answer);
  }

  /** Changes replicas of several components in one request, all or none. Fails with 422 where the spec has changed since. */
  async scaleComponents(seen: Graph, replicas: ReadonlyMap<string, number>, options: CallOptions = {}): Promise<Graph> {
    const patch: { op: "test" | "add"; path: string; value: unknown }[] = [
      { op: "test", path: "/metadata/generation", value: seen.generation },
    ];
    for (const component of seen.components) {
      const count = replicas.get(component.name);
      if (count === undefined) continue;
      if (component.identity !== null) patch.push({ op: "test", ...component.identity });
      patch.push({ op: "add", path: component.replicasPath, value: count });
    }
    const object = await this.client.request<GraphObject>({
      method: "PATCH",
      path: this.#path(GRAPHS, this.name),
      query: { fieldManager: FIELD_MANAGER },
      contentType: "application/json-patch+json",
      body: patch,
      ...options,
    });
    return graphOf(object, this.version, this.client.namespace);
  }

  /** Pods that are ready and not about to end, by component in lower case. */
  async readyPods(options: CallOptions = {}): Promise<Map<string, number>> {
    const found = await this.client.request<{ items?: PodObject[] }>({
      path: `/api/v1/namespaces/${this.client.namespace}/pods`,
      query: { labelSelector: `${DYNAMO_LABELS.graph}=${this.name}` },
      ...options,
    });
    const counts = new Map<string, number>();
    for (const { metadata, status } of found.items ?? []) {
      const component = metadata?.labels?.[DYNAMO_LABELS.component]?.toLowerCase();
      const isReady = status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True");
      if (component === undefined || !isReady || metadata?.deletionTimestamp !== undefined) continue;
      counts.set(component, (counts.get(component) ?? 0) + 1);
    }
    return counts;
  }

  /** Ends with the first change of the deployment after `resourceVersion`, or when the watch breaks. */
  changed(resourceVersion: string, signal: AbortSignal): Promise<void> {
    const query = { fieldSelector: `metadata.name=${this.name}`, resourceVersion };
    return this.client.changed(this.#path(GRAPHS), query, signal);
  }

  #scalePath(component: string): string {
    return `${this.#path(ADAPTERS, `${this.name}-${component.toLowerCase()}`)}/scale`;
  }

  #path(resource: string, name?: string): string {
    const all = `/apis/${GROUP}/${this.version}/namespaces/${this.client.namespace}/${resource}`;
    return name === undefined ? all : `${all}/${name}`;
  }
}

interface PodObject {
  metadata?: { labels?: Record<string, string>; deletionTimestamp?: string };
  status?: { conditions?: { type?: string; status?: string }[] };
}

function scaleOf({ metadata, spec }: ScaleObject): AdapterScale {
  return { resourceVersion: metadata?.resourceVersion ?? "", replicas: spec?.replicas ?? 0 };
}
