import {
  CoreV1Api,
  DiscoveryV1Api,
  type Informer,
  KubeConfig,
  type KubernetesListObject,
  type ListPromise,
  makeInformer,
  type ObjectCache,
  type V1EndpointSlice,
  type V1Pod,
} from "@kubernetes/client-node";
import { kubernetesNotConfigured } from "../errors.ts";
import type { KubernetesDiscoveryOptions } from "../types.ts";
import { podUrls, sliceUrls } from "./endpoints.ts";
import type { Discovery, DiscoverySink } from "./types.ts";

const FIRST_BACKOFF_MS = 200;
const MAX_BACKOFF_MS = 10_000;

type Watched = V1EndpointSlice | V1Pod;

/**
 * Workers as a Kubernetes API tells of them: the endpoints of slices, or pods, with certain labels. Lists, then watches from
 * there on; lists anew where the API has forgotten where we were (410), and tries again, slower each time, where it can't be
 * reached. Workers stay known meanwhile.
 */
export class KubernetesDiscovery implements Discovery {
  readonly #options: KubernetesDiscoveryOptions;
  readonly #known = new Set<string>();
  #informer: (Informer<Watched> & ObjectCache<Watched>) | null = null;
  #sink: DiscoverySink | null = null;
  #backoffMs = FIRST_BACKOFF_MS;
  #timer: NodeJS.Timeout | null = null;
  #looks = false;
  #failures = 0;
  #lastError: string | null = null;
  readonly #told: (problem: string | null) => void;

  /** @param told of each problem when it begins, and of null when all is well again */
  constructor(options: KubernetesDiscoveryOptions, told: (problem: string | null) => void = () => {}) {
    this.#options = options;
    this.#told = told;
  }

  /** Reason of the last failure; null while it is well. */
  get lastError(): string | null {
    return this.#lastError;
  }

  /** @throws UserError FRONTEND_KUBERNETES where there is no configuration */
  async start(sink: DiscoverySink): Promise<void> {
    this.#sink = sink;
    const config = loadConfig(this.#options.kubeconfig);
    const informer = this.#makeInformer(config);
    this.#informer = informer;
    for (const verb of ["add", "update", "delete"] as const) informer.on(verb, () => this.#seen());
    informer.on("error", (error: unknown) => this.#failed(error));
    await this.#begin(informer);
    this.#look();
  }

  async stop(): Promise<void> {
    this.#sink = null;
    if (this.#timer !== null) clearTimeout(this.#timer);
    await this.#informer?.stop();
  }

  #makeInformer(config: KubeConfig): Informer<Watched> & ObjectCache<Watched> {
    const { resource = "endpointslices", labelSelector } = this.#options;
    const namespace = this.#options.namespace ?? namespaceOf(config);
    if (resource === "pods") {
      const api = config.makeApiClient(CoreV1Api);
      const list: ListPromise<V1Pod> = () => this.#listed(api.listNamespacedPod({ namespace, labelSelector }));
      return makeInformer<Watched>(config, `/api/v1/namespaces/${namespace}/pods`, list, labelSelector);
    }
    const api = config.makeApiClient(DiscoveryV1Api);
    const list: ListPromise<V1EndpointSlice> = () =>
      this.#listed(api.listNamespacedEndpointSlice({ namespace, labelSelector }));
    const path = `/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices`;
    return makeInformer<Watched>(config, path, list, labelSelector);
  }

  async #listed<T extends Watched>(list: Promise<KubernetesListObject<T>>): Promise<KubernetesListObject<T>> {
    const found = await list;
    this.#seen();
    return found;
  }

  #seen(): void {
    this.#backoffMs = FIRST_BACKOFF_MS;
    this.#lookSoon();
  }

  /** Where it failed, it has told so by the time it has begun; else it watches now. */
  async #begin(informer: Informer<Watched>): Promise<void> {
    const before = this.#failures;
    await informer.start();
    if (this.#failures === before) this.#tell(null);
  }

  #failed(error: unknown): void {
    this.#failures++;
    this.#tell(reasonOf(error));
    if (this.#sink === null || this.#timer !== null) return;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      if (this.#sink === null || this.#informer === null) return;
      void this.#begin(this.#informer).catch((failure: unknown) => this.#failed(failure));
    }, this.#backoffMs);
    this.#timer.unref();
    this.#backoffMs = Math.min(MAX_BACKOFF_MS, this.#backoffMs * 2);
  }

  #tell(problem: string | null): void {
    if (problem === this.#lastError) return;
    this.#lastError = problem;
    this.#told(problem);
  }

  /** Once for all changes of a turn. */
  #lookSoon(): void {
    if (this.#looks) return;
    this.#looks = true;
    setImmediate(() => {
      this.#looks = false;
      this.#look();
    });
  }

  /** What there is now against what was there. */
  #look(): void {
    const sink = this.#sink;
    const { resource = "endpointslices", port } = this.#options;
    if (sink === null || this.#informer === null) return;
    const urls = new Set(
      this.#informer
        .list()
        .flatMap((object) =>
          resource === "pods" ? podUrls(object as V1Pod, port) : sliceUrls(object as V1EndpointSlice, port),
        ),
    );
    for (const url of this.#known) {
      if (urls.has(url)) continue;
      this.#known.delete(url);
      sink.remove(url);
    }
    for (const url of urls) {
      if (this.#known.has(url)) continue;
      this.#known.add(url);
      sink.add(url);
    }
  }
}

/** What the API server says of it, where it says anything. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { body, cause } = error as { body?: unknown; cause?: unknown };
  try {
    const { message } = (typeof body === "string" ? JSON.parse(body) : body) as { message?: unknown };
    if (typeof message === "string") return message;
  } catch {
    // No Status object: there is the error's own message.
  }
  const why = cause instanceof Error && cause.message !== "" ? `: ${cause.message}` : "";
  return `${error.message.split("\n", 1)[0]}${why}`;
}

/** As kubectl has it: the file, $KUBECONFIG, ~/.kube/config; then the pod's own service account. */
function loadConfig(path: string | undefined): KubeConfig {
  const config = new KubeConfig();
  try {
    if (path === undefined) config.loadFromDefault();
    else config.loadFromFile(path);
  } catch (error) {
    throw kubernetesNotConfigured(path, error);
  }
  if (config.getCurrentCluster() === null) throw kubernetesNotConfigured(path, undefined);
  return config;
}

function namespaceOf(config: KubeConfig): string {
  return config.getContextObject(config.getCurrentContext())?.namespace ?? "default";
}
