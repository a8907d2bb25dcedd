import {
  ApiFailure,
  ApiUnavailable,
  type ClusterOptions,
  DYNAMO_LABELS,
  isStatus,
  KubernetesClient,
  orNull,
  realPace,
} from "#planner/connectors";
import { ADAPTERS, type ApiObject, conditionsOf, corePath, dynamoPath, GRAPHS, GROUP } from "../cluster/objects.ts";
import { ClusterWrites } from "../cluster/writes.ts";
import { alreadyThere, clusterLacksDynamo, clusterUnreachable, deploymentFailed, notReadyInTime } from "../errors.ts";
import type { KubernetesObject } from "../types.ts";

export interface AppliedOptions {
  cluster: ClusterOptions;
  /** What to apply to the namespace, a DynamoGraphDeployment (v1beta1) last. */
  objects: (namespace: string) => KubernetesObject[];
  signal: AbortSignal;
}

/** Replicas of a component: wanted, and ready. */
export interface ReplicaCounts {
  desired: number;
  ready: number;
}

export interface PodAddress {
  /** Null where it has none yet, or declares no port of the name. */
  url: string | null;
  type: string;
  /** Unix ms at which its container started; null where it has not. */
  startedUnixMs: number | null;
}

const VERSION = "v1beta1";
const RETRY_MS = 500;
/** What the deletion of a deployment may take, drains included, real ms. */
const DELETION_MS = 120_000;
const COLLECTIONS: Readonly<Record<string, (namespace: string) => string>> = {
  ConfigMap: (namespace) => corePath(namespace, "configmaps"),
  ServiceAccount: (namespace) => corePath(namespace, "serviceaccounts"),
  Role: (namespace) => `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}/roles`,
  RoleBinding: (namespace) => `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}/rolebindings`,
  DynamoGraphDeployment: (namespace) => dynamoPath(VERSION, namespace, GRAPHS),
};

/** A deployment that was applied to an API server, whoever runs it there, and that is taken away again. */
export class AppliedDeployment {
  readonly name: string;
  readonly #client: KubernetesClient;
  readonly #writes: ClusterWrites;
  /** Paths of what was made, in order. */
  readonly #made: string[] = [];
  readonly #stop = new AbortController();
  readonly #listeners = new Set<(graph: ApiObject) => void>();
  #following: Promise<void> = Promise.resolve();
  #last: ApiObject | null = null;

  private constructor(client: KubernetesClient, name: string) {
    this.#client = client;
    this.#writes = new ClusterWrites(client);
    this.name = name;
  }

  /** Nothing is left of it where this fails. @throws UserError */
  static async apply({ cluster, objects, signal }: AppliedOptions): Promise<AppliedDeployment> {
    const client = await KubernetesClient.open(cluster);
    const wanted = objects(client.namespace);
    const applied = new AppliedDeployment(client, wanted.at(-1)!.metadata!.name!);
    try {
      await applied.#checkVersion(signal);
      for (const object of wanted) await applied.#create(object, signal);
    } catch (error) {
      await applied.delete();
      throw asUserError(error, client.server);
    }
    applied.#following = applied.#follow();
    return applied;
  }

  get server(): string {
    return this.#client.server;
  }

  get namespace(): string {
    return this.#client.namespace;
  }

  /** Told of the deployment's components now, where they are known, and whenever it changes. */
  subscribe(listener: (counts: ReadonlyMap<string, ReplicaCounts>) => void): void {
    const heard = (graph: ApiObject) => listener(countsOf(graph));
    this.#listeners.add(heard);
    if (this.#last !== null) heard(this.#last);
  }

  /**
   * Resolves when all of it is ready.
   * @param timeoutMs real ms
   * @throws UserError where it fails, or takes longer; the signal's reason
   */
  async ready(timeoutMs: number, signal: AbortSignal): Promise<void> {
    const place = `${this.namespace}/${this.name}`;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const look = (graph: ApiObject) => {
      if (graph.status?.state === "failed") reject(deploymentFailed(place, messageOf(graph)));
      else if (isReady(graph)) resolve();
    };
    const aborted = () => reject(signal.reason);
    const late = () =>
      reject(notReadyInTime(place, timeoutMs / 1000, this.#last === null ? "" : messageOf(this.#last)));
    const timer = setTimeout(late, timeoutMs);
    signal.addEventListener("abort", aborted);
    this.#listeners.add(look);
    try {
      if (signal.aborted) aborted();
      if (this.#last !== null) look(this.#last);
      await promise;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", aborted);
      this.#listeners.delete(look);
    }
  }

  /** Its pods. @param port name of the port that addresses have; one that declares none of it: its first */
  async pods(port: string, signal?: AbortSignal): Promise<PodAddress[]> {
    const found = await this.#client.request<{ items?: ApiObject[] }>({
      path: corePath(this.namespace, "pods"),
      query: { labelSelector: `${DYNAMO_LABELS.graph}=${this.name}` },
      ...(signal === undefined ? {} : { signal }),
    });
    return (found.items ?? []).map((pod) => addressOf(pod as PodObject, port));
  }

  /** Deletes all that was made, and waits until the deployment has gone with what was made of it. Goes on where something fails; tells what. Once. */
  async delete(): Promise<string[]> {
    this.#stop.abort();
    await this.#following;
    const problems: string[] = [];
    // The deployment first: its planner and workers go before what they need.
    for (const path of this.#made.splice(0).reverse()) {
      try {
        await this.#writes.delete(path);
        if (path.includes(`/${GRAPHS}/`)) await this.#gone(path);
      } catch (error) {
        problems.push(`${path} could not be deleted: ${(error as Error).message}`);
      }
    }
    await this.#client.close();
    return problems;
  }

  async #checkVersion(signal: AbortSignal): Promise<void> {
    const path = `/apis/${GROUP}/${VERSION}`;
    const found = await orNull(this.#client.request<{ resources?: { name: string }[] }>({ path, signal }));
    if (found?.resources?.some(({ name }) => name === GRAPHS)) return;
    throw clusterLacksDynamo(this.server, `nvidia.com/${VERSION}`);
  }

  async #create(object: KubernetesObject, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const collection = COLLECTIONS[object.kind]!(this.namespace);
    const name = object.metadata!.name!;
    const { isNew } = await this.#writes.create(collection, object);
    if (!isNew) throw alreadyThere(`${object.kind} ${this.namespace}/${name}`);
    this.#made.push(`${collection}/${name}`);
  }

  /** Looks at the deployment whenever it changes. What can't be heard for a while is heard later. */
  async #follow(): Promise<void> {
    const collection = dynamoPath(VERSION, this.namespace, GRAPHS);
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        const graph = await this.#client.request<ApiObject>({ path: `${collection}/${this.name}`, signal });
        this.#last = graph;
        for (const listener of this.#listeners) listener(graph);
        const query = { fieldSelector: `metadata.name=${this.name}`, resourceVersion: graph.metadata.resourceVersion };
        await this.#client.changed(collection, query, signal);
      } catch {
        await realPace.sleep(RETRY_MS, signal);
      }
    }
  }

  /** Pods and scaling adapters that whoever runs it made of it: they may outlive it for a while. */
  async #hasParts(): Promise<boolean> {
    const query = { labelSelector: `${DYNAMO_LABELS.graph}=${this.name}` };
    for (const path of [corePath(this.namespace, "pods"), dynamoPath(VERSION, this.namespace, ADAPTERS)]) {
      if ((await listed(this.#client.request({ path, query }))).length > 0) return true;
    }
    return false;
  }

  async #gone(path: string): Promise<void> {
    const endMs = performance.now() + DELETION_MS;
    while (performance.now() < endMs) {
      if ((await orNull(this.#client.request({ path }))) === null && !(await this.#hasParts())) return;
      await realPace.sleep(RETRY_MS);
    }
    throw new Error(`it is still there after ${DELETION_MS / 1000} s`);
  }
}

/** Objects of a collection that a selector has; none where there is no such collection, or it is none of our business. */
async function listed(asked: Promise<{ items?: ApiObject[] }>): Promise<ApiObject[]> {
  try {
    return (await asked).items ?? [];
  } catch (error) {
    if (isStatus(error, 404) || isStatus(error, 403)) return [];
    throw error;
  }
}

function asUserError(error: unknown, server: string): unknown {
  return error instanceof ApiUnavailable || error instanceof ApiFailure ? clusterUnreachable(server, error) : error;
}

interface GraphSpec {
  components?: { name: string; replicas?: number }[];
}

function countsOf({ spec, status }: ApiObject): Map<string, ReplicaCounts> {
  const known = (status?.components ?? {}) as Record<string, { readyReplicas?: number }>;
  return new Map(
    ((spec as GraphSpec | undefined)?.components ?? []).map(({ name, replicas = 1 }) => [
      name,
      { desired: replicas, ready: known[name]?.readyReplicas ?? 0 },
    ]),
  );
}

/** The status tells of the deployment as it is wanted now. */
function isReady(graph: ApiObject): boolean {
  const condition = conditionsOf(graph).find(({ type }) => type === "Ready");
  const observed = condition?.observedGeneration ?? (graph.status?.observedGeneration as number | undefined);
  return condition?.status === "True" && (observed ?? 0) >= (graph.metadata.generation ?? 0);
}

function messageOf(graph: ApiObject): string {
  return conditionsOf(graph).find(({ type }) => type === "Ready")?.message ?? "nobody has said anything of it";
}

interface PodObject extends ApiObject {
  spec?: { containers?: { ports?: { name?: string; containerPort: number }[] }[] };
  status?: {
    podIP?: string;
    conditions?: { type: string; status: string }[];
    containerStatuses?: { state?: { running?: { startedAt?: string } } }[];
  };
}

function addressOf({ metadata, spec, status }: PodObject, wanted: string): PodAddress {
  const ports = spec?.containers?.[0]?.ports ?? [];
  const port = (ports.find(({ name }) => name === wanted) ?? ports[0])?.containerPort;
  const ip = status?.podIP;
  const startedAt = status?.containerStatuses?.[0]?.state?.running?.startedAt;
  const isServing = status?.conditions?.some(({ type, status: is }) => type === "Ready" && is === "True") ?? false;
  const host = ip?.includes(":") ? `[${ip}]` : ip;
  return {
    url: host === undefined || port === undefined || !isServing ? null : `http://${host}:${port}`,
    type: metadata.labels?.[DYNAMO_LABELS.type] ?? "",
    startedUnixMs: startedAt === undefined ? null : Date.parse(startedAt),
  };
}
