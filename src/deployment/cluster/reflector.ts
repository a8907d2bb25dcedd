import { ApiFailure, isStatus, type KubernetesClient, type Pace } from "#planner/connectors";
import type { ApiObject } from "./objects.ts";

export interface ReflectorOptions {
  client: Pick<KubernetesClient, "request" | "watch">;
  /** Path of the collection. */
  path: string;
  labelSelector?: string;
  pace: Pace;
  /** What is there now, or was until now. */
  changed: (object: ApiObject, gone: boolean) => void;
  /** Why nothing is heard at the moment; null when it is heard again. */
  trouble?: (why: string | null) => void;
}

/** Objects of one page of a list: what client-go asks for. */
const PAGE = 500;
/** The server ends a watch after about so long; it goes on from where it was. */
const WATCH_SECONDS = 300;
const FIRST_BACKOFF_MS = 200;
const LONGEST_BACKOFF_MS = 10_000;
/** The server has forgotten where we were, or never knew. */
const GONE = 410;

/**
 * A collection kept in mind: listed page by page, then watched with bookmarks, so that even a quiet one goes on from a recent place after a break; listed
 * anew where the server has forgotten that place.
 */
export class Reflector {
  readonly #options: ReflectorOptions;
  readonly #objects = new Map<string, ApiObject>();
  readonly #stop = new AbortController();
  /** Versions that writes of ours came to and the watch has not told of yet. */
  readonly #own = new Set<string>();
  #running: Promise<void> | null = null;
  #place = "";
  #backoffMs = FIRST_BACKOFF_MS;
  #isInTrouble = false;

  constructor(options: ReflectorOptions) {
    this.#options = options;
  }

  /** Resolves when the first list is there. @throws ApiFailure or ApiUnavailable where it can't be had */
  async start(): Promise<void> {
    await this.#list();
    this.#running = this.#follow();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  get(name: string): ApiObject | undefined {
    return this.#objects.get(name);
  }

  all(): ApiObject[] {
    return [...this.#objects.values()];
  }

  /**
   * What a write of ours came to, ahead of the watch. An answer that was overtaken says nothing new: the watch has told of a later state, or that
   * the object is gone.
   */
  learn(object: ApiObject): void {
    const { name, resourceVersion } = object.metadata;
    const latest = this.#objects.get(name)?.metadata.resourceVersion ?? this.#place;
    if (isOlder(resourceVersion, latest) || resourceVersion === latest) return;
    this.#objects.set(name, object);
    this.#own.add(resourceVersion);
  }

  /** A deletion of ours, ahead of the watch. */
  unlearn(name: string): void {
    this.#objects.delete(name);
  }

  async #follow(): Promise<void> {
    const { pace } = this.#options;
    while (!this.#stop.signal.aborted) {
      try {
        if (this.#place === "") await this.#list();
        await this.#watch();
        this.#recovered();
      } catch (error) {
        if (this.#stop.signal.aborted) return;
        if (isStatus(error, GONE)) this.#place = "";
        this.#isInTrouble = true;
        this.#options.trouble?.(error instanceof Error ? error.message : String(error));
        const asked = error instanceof ApiFailure ? error.retryAfterMs : null;
        await pace.sleep(asked ?? this.#backoffMs, this.#stop.signal);
        this.#backoffMs = Math.min(LONGEST_BACKOFF_MS, this.#backoffMs * 2);
      }
    }
  }

  #recovered(): void {
    this.#backoffMs = FIRST_BACKOFF_MS;
    if (!this.#isInTrouble) return;
    this.#isInTrouble = false;
    this.#options.trouble?.(null);
  }

  async #list(): Promise<void> {
    const found = new Map<string, ApiObject>();
    let next = "";
    let place = "";
    do {
      const page = await this.#options.client.request<ObjectList>({
        path: this.#options.path,
        query: { limit: String(PAGE), ...(next === "" ? {} : { continue: next }), ...this.#selector() },
        signal: this.#stop.signal,
      });
      for (const object of page.items ?? []) found.set(object.metadata.name, object);
      next = page.metadata?.continue ?? "";
      place = page.metadata?.resourceVersion ?? "";
    } while (next !== "");
    for (const [name, object] of this.#objects) if (!found.has(name)) this.#gone(object);
    const unheard = new Set(this.#own);
    this.#own.clear();
    // Before a write of ours, somebody else's may have passed unheard.
    for (const object of found.values()) this.#seen(object, unheard.has(object.metadata.resourceVersion));
    this.#place = place;
    this.#recovered();
  }

  async #watch(): Promise<void> {
    const query = {
      resourceVersion: this.#place,
      allowWatchBookmarks: "true",
      timeoutSeconds: String(WATCH_SECONDS),
      ...this.#selector(),
    };
    for await (const { type, object } of this.#options.client.watch(this.#options.path, query, this.#stop.signal)) {
      if (type === "ERROR") throw new ApiFailure(object.code ?? 500, object.reason ?? "", object.message ?? "", null);
      this.#recovered();
      if (type === "DELETED") this.#gone(object as ApiObject);
      else if (type !== "BOOKMARK") this.#seen(object as ApiObject);
      this.#place = object.metadata?.resourceVersion ?? this.#place;
    }
  }

  /** Of our own writes nobody need be told; of what others wrote before them, and the answers to them hold already, somebody must be. */
  #seen(object: ApiObject, isNews = false): void {
    const { name, resourceVersion } = object.metadata;
    const known = this.#objects.get(name);
    if (this.#own.delete(resourceVersion)) return;
    if (known?.metadata.resourceVersion === resourceVersion && !isNews) return;
    const latest = known !== undefined && isOlder(resourceVersion, known.metadata.resourceVersion) ? known : object;
    this.#objects.set(name, latest);
    this.#options.changed(latest, false);
  }

  #gone(object: ApiObject): void {
    const known = this.#objects.get(object.metadata.name);
    // We knew before, or its successor of the same name has been heard of already.
    if (known?.metadata.uid !== object.metadata.uid) return;
    this.#objects.delete(object.metadata.name);
    this.#options.changed(object, true);
  }

  #selector(): Record<string, string> {
    const { labelSelector } = this.#options;
    return labelSelector === undefined ? {} : { labelSelector };
  }
}

interface ObjectList {
  metadata?: { resourceVersion?: string; continue?: string };
  items?: ApiObject[];
}

/** Versions are numbers of etcd's, which grow with every write to any object. */
function isOlder(version: string, than: string): boolean {
  return Number(version) < Number(than);
}
