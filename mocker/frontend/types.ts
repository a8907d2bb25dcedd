import type { Clock } from "#common";
import type { WorkerCard } from "#mocker/protocol";
import type { RouterMode, RouterSettings } from "#mocker/router";
import type { Tokenizer } from "#mocker/text";
import type { Discovery } from "./discovery/types.ts";
import type { DrainOptions } from "./draining.ts";
import type { BackendState } from "./fleet/backend.ts";

/** Where workers come from. */
export type DiscoveryOptions =
  | { kind: "static"; workers: readonly string[] }
  /** They are told to the frontend's `discovery`. */
  | { kind: "manual" }
  /** A folder of leases, one JSON file per worker, which they renew. */
  | { kind: "file"; folder: string }
  | { kind: "kubernetes"; kubernetes: KubernetesDiscoveryOptions }
  /** One of your own. */
  | { kind: "custom"; discovery: Discovery };

export interface KubernetesDiscoveryOptions {
  /** Default: the kubeconfig's, or the pod's own. */
  namespace?: string;
  /** Which EndpointSlices or pods: `nvidia.com/dynamo-component-type=worker`. */
  labelSelector: string;
  /** Default `endpointslices`. */
  resource?: "endpointslices" | "pods";
  /** Port of the workers' API; default: that of the slice, and 8000 for pods. */
  port?: number;
  /** Path of a kubeconfig; default as kubectl has it, then the pod's own. */
  kubeconfig?: string;
}

export interface FrontendLimits {
  /** Requests at workers at a time; further ones wait. Default 100 000. */
  maxInFlight: number;
  /** Requests that wait at a time; further ones get 429. Default 20 000. */
  maxQueued: number;
  /** Model ms that a request waits for a worker. Default 5 min. */
  queueTimeoutMs: number;
  /** Default 16 MiB. */
  maxBodyBytes: number;
  /** Real ms within which a request must have arrived whole. Default 60 s. */
  requestTimeoutMs: number;
  /** Real ms without a sign of a worker, after which its request is given up; 0: none. Default 10 min. */
  workerTimeoutMs: number;
  /** Workers that a request is given to, at most, until its first token. Default 4. */
  maxAttempts: number;
}

export interface FrontendOptions {
  discovery: DiscoveryOptions;
  /** Default 127.0.0.1. */
  host?: string;
  /** Default 0: any free one. */
  port?: number;
  /** A mode alone has the defaults of everything else. Default round-robin. Times are model ms. */
  router?: RouterMode | RouterSettings;
  /** Of what routers draw at random. Default 0. */
  seed?: number;
  /** Default: a wall clock from now. */
  clock?: Clock;
  /** Default: the built-in one. It should be the workers' own. */
  tokenizer?: Tokenizer;
  limits?: Partial<FrontendLimits>;
  /** Real ms between two checks of a worker that is well. Default 5 s. */
  healthIntervalMs?: number;
  /** Default 2 s. */
  healthTimeoutMs?: number;
  /** Bearer tokens of which clients must send one; none: no token is needed. */
  apiKeys?: readonly string[];
  /** Bearer token sent to workers. */
  workerApiKey?: string;
  /** SLA to count by. Model ms. */
  sla?: { ttftMs?: number; itlMs?: number };
  /** Request events kept. Default 100 000. */
  eventCapacity?: number;
  /** Default `warn`. */
  logLevel?: "fatal" | "error" | "warn" | "info" | "debug" | "trace" | "silent";
}

/** What the frontend knows of a worker (`GET /workers`). */
export interface WorkerView {
  id: string;
  url: string;
  state: BackendState;
  role: WorkerCard["role"];
  models: readonly string[];
  /** It speaks OpenAI's API alone. */
  foreign: boolean;
  requests: number;
  totalRequests: number;
  /** Prompt tokens (prefill) or requests (decode; aggregated: 4 until the first token). */
  outstanding: number;
  failures: number;
  /** Blocks that the KV-aware router takes to be cached there; null for other routers. */
  cachedBlocks: number | null;
  lastError: string | null;
  card: WorkerCard | null;
}

export interface Frontend {
  /** Without a path. */
  readonly url: string;
  readonly clock: Clock;
  /** For discovery of kind `manual`. */
  readonly discovery: {
    /** @param worker its address, or its card, which spares a question */
    add(worker: string | WorkerCard): void;
    remove(url: string): void;
  };
  workers(): WorkerView[];
  /** Resolves when so many workers take requests. */
  whenReady(workers: number): Promise<void>;
  /** Takes nothing new but what comes on open connections, finishes what it has, then stops listening. */
  drain(options?: DrainOptions): Promise<void>;
  /** Ends everything at once. */
  close(): Promise<void>;
}
