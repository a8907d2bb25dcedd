import { resolve } from "node:path";
import type { KubeConfig } from "@kubernetes/client-node";
import { type Dispatcher, request as httpRequest } from "undici";
import { randomStream } from "#common";
import { type Pace, realPace } from "../pace.ts";
import { RETRY_TIMES, type RetryTimes, retrying } from "../retry.ts";
import { clusterUnusable } from "./errors.ts";
import { ApiFailure, apiRetries, failureOf } from "./failure.ts";

export interface ClusterOptions {
  /** Default: $KUBECONFIG, ~/.kube/config, the pod's own account. */
  kubeconfig?: string;
  /** Default: the current one. */
  context?: string;
  /** Default: the context's, the pod's own, `default`. */
  namespace?: string;
  retry?: Partial<RetryTimes>;
  /** One attempt, ms. */
  requestTimeoutMs?: number;
  pace?: Pace;
  /** Uniform in [0, 1): jitter. Default: a seeded stream. */
  random?: () => number;
}

export interface ApiRequest {
  method?: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  path: string;
  query?: Record<string, string>;
  body?: unknown;
  /** Of a patch. */
  contentType?: "application/json-patch+json" | "application/merge-patch+json";
  /** Attempts end with it. */
  signal?: AbortSignal;
  /** Default: as the client was told. */
  retry?: Partial<RetryTimes>;
}

export interface CallOptions {
  retry?: Partial<RetryTimes>;
  signal?: AbortSignal;
}

export interface WatchEvent {
  type: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK" | "ERROR";
  object: { metadata?: { resourceVersion?: string }; code?: number; message?: string; reason?: string };
}

type BodyReader<Body> = (body: Dispatcher.ResponseData["body"]) => Promise<Body>;

/** Name under which changes of ours are kept in managedFields. */
export const FIELD_MANAGER = "understudy-planner";
const REQUEST_TIMEOUT_MS = 10_000;
/** Connections are made anew so often, because certificates and authorities of a kubeconfig change. */
const CONNECTION_LIFE_MS = 10 * 60_000;
/** What the library falls back to where nothing names a cluster. */
const NO_CLUSTER = "http://localhost:8080";

/**
 * The API server's HTTP API with a kubeconfig's credentials and retries. The library brings the credentials; its own requests have neither
 * timeouts nor retries.
 */
export class KubernetesClient {
  readonly namespace: string;
  /** Address of the API server, for messages. */
  readonly server: string;
  readonly #config: KubeConfig;
  readonly #library: typeof import("@kubernetes/client-node");
  readonly #retry: RetryTimes;
  readonly #timeoutMs: number;
  readonly #pace: Pace;
  readonly #random: () => number;
  #connection: { dispatcher: Dispatcher | undefined; sinceMs: number } | null = null;

  private constructor(
    library: typeof import("@kubernetes/client-node"),
    config: KubeConfig,
    server: string,
    options: ClusterOptions,
  ) {
    this.#library = library;
    this.#config = config;
    this.server = server;
    this.namespace = options.namespace ?? (config.getContextObject(config.getCurrentContext())?.namespace || "default");
    this.#retry = { ...RETRY_TIMES, ...options.retry };
    this.#timeoutMs = options.requestTimeoutMs ?? REQUEST_TIMEOUT_MS;
    this.#pace = options.pace ?? realPace;
    this.#random = options.random ?? randomStream(server, "kubernetes retries").next;
  }

  /** @throws UserError where no cluster can be found */
  static async open(options: ClusterOptions = {}): Promise<KubernetesClient> {
    const library = await import("@kubernetes/client-node");
    const config = new library.KubeConfig();
    try {
      if (options.kubeconfig === undefined) config.loadFromDefault();
      else config.loadFromFile(options.kubeconfig);
    } catch (error) {
      throw clusterUnusable(options.kubeconfig ?? "kubeconfig", (error as Error).message, error);
    }
    if (options.context !== undefined) {
      const known = config.getContexts().map(({ name }) => name);
      if (!known.includes(options.context)) {
        const why = `found no context ${JSON.stringify(options.context)}, expected one of ${known.join(", ") || "none"}`;
        throw clusterUnusable(options.kubeconfig ?? "kubeconfig", why);
      }
      config.setCurrentContext(options.context);
    }
    const server = config.getCurrentCluster()?.server;
    if (server === undefined || (server === NO_CLUSTER && options.kubeconfig === undefined)) {
      throw clusterUnusable(options.kubeconfig ?? "kubeconfig", "found no cluster");
    }
    return new KubernetesClient(library, config, server, options);
  }

  /** @throws ApiFailure for what the server refuses, ApiUnavailable where it can't be asked */
  async request<Body>(request: ApiRequest): Promise<Body> {
    return this.#retrying(request, async (body) => (await body.json()) as Body);
  }

  /** As `request`, for what is no JSON: logs. */
  async text(request: ApiRequest): Promise<string> {
    return this.#retrying(request, (body) => body.text());
  }

  async #retrying<Body>(request: ApiRequest, read: BodyReader<Body>): Promise<Body> {
    return retrying(() => this.#once(request, read), {
      ...apiRetries,
      times: { ...this.#retry, ...request.retry },
      pace: this.#pace,
      random: this.#random,
      ...(request.signal === undefined ? {} : { signal: request.signal }),
    });
  }

  /**
   * Events of one watch until the server ends it. No retries.
   * @throws ApiFailure, or an Error where the connection breaks
   */
  async *watch(path: string, query: Record<string, string>, signal: AbortSignal): AsyncGenerator<WatchEvent> {
    const response = await this.#send({ path, query: { ...query, watch: "true" } }, signal, 0);
    let rest = "";
    response.body.setEncoding("utf8");
    for await (const chunk of response.body as AsyncIterable<string>) {
      const lines = (rest + chunk).split("\n");
      rest = lines.pop()!;
      for (const line of lines) if (line.trim() !== "") yield JSON.parse(line) as WatchEvent;
    }
  }

  /**
   * Ends with the first change of what `path` and `query` name, or when the watch ends.
   * @param query with the `resourceVersion` from which on
   * @throws ApiFailure, also where the API has forgotten that version (410); an Error where the connection breaks
   */
  async changed(path: string, query: Record<string, string>, signal: AbortSignal): Promise<void> {
    const bounded = { allowWatchBookmarks: "true", timeoutSeconds: "300", ...query };
    for await (const { type, object } of this.watch(path, bounded, signal)) {
      if (type === "BOOKMARK") continue;
      if (type === "ERROR") throw new ApiFailure(object.code ?? 500, object.reason ?? "", object.message ?? "", null);
      return;
    }
  }

  /** How the server is reached and known, as a kubeconfig's `cluster` has it; without credentials. */
  clusterEntry(): Record<string, unknown> {
    const cluster = this.#config.getCurrentCluster()!;
    return {
      server: cluster.server,
      ...(cluster.caData ? { "certificate-authority-data": cluster.caData } : {}),
      ...(cluster.caFile ? { "certificate-authority": resolve(cluster.caFile) } : {}),
      ...(cluster.skipTLSVerify ? { "insecure-skip-tls-verify": true } : {}),
      ...(cluster.tlsServerName ? { "tls-server-name": cluster.tlsServerName } : {}),
    };
  }

  async close(): Promise<void> {
    const connection = this.#connection;
    this.#connection = null;
    await connection?.dispatcher?.close();
  }

  async #once<Body>(request: ApiRequest, read: BodyReader<Body>): Promise<Body> {
    const timeout = AbortSignal.timeout(Math.ceil(this.#timeoutMs));
    const signal = request.signal === undefined ? timeout : AbortSignal.any([request.signal, timeout]);
    const response = await this.#send(request, signal, this.#timeoutMs);
    return read(response.body);
  }

  async #send(request: ApiRequest, signal: AbortSignal, bodyTimeout: number): Promise<Dispatcher.ResponseData> {
    const { method = "GET", path, query = {}, body, contentType } = request;
    const url = new URL(this.server.replace(/\/$/, "") + path);
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
    const { headers, dispatcher } = await this.#credentials(url);
    if (body !== undefined) headers["content-type"] = contentType ?? "application/json";
    const response = await httpRequest(url, {
      method,
      headers: { ...headers, accept: "application/json", "user-agent": FIELD_MANAGER },
      signal,
      bodyTimeout,
      headersTimeout: this.#timeoutMs,
      // An HTTP/2 session with streams that were aborted before, such as watches, throws where nobody can catch it when it is closed (undici 8.12).
      ...{ allowH2: false },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(dispatcher === undefined ? {} : { dispatcher }),
    });
    if (response.statusCode < 300) return response;
    const retryAfter = response.headers["retry-after"];
    const text = await response.body.text();
    throw failureOf(response.statusCode, text, Array.isArray(retryAfter) ? retryAfter[0] : retryAfter, Date.now());
  }

  /** Tokens are asked for each time, as they expire; the library makes a pool of connections each time, of which one is kept. */
  async #credentials(url: URL): Promise<{ headers: Record<string, string>; dispatcher: Dispatcher | undefined }> {
    const context = new this.#library.RequestContext(url.toString(), this.#library.HttpMethod.GET);
    await this.#config.applySecurityAuthentication(context);
    const nowMs = this.#pace.nowMs();
    if (this.#connection === null || nowMs - this.#connection.sinceMs > CONNECTION_LIFE_MS) {
      const old = this.#connection?.dispatcher;
      this.#connection = { dispatcher: context.getDispatcher() as Dispatcher | undefined, sinceMs: nowMs };
      // A watch that still runs over it keeps it open until it ends.
      old?.close().catch(() => {});
    }
    return { headers: { ...context.getHeaders() }, dispatcher: this.#connection.dispatcher };
  }
}
