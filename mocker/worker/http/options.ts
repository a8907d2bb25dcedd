import type { DynamoPlace } from "../metrics/dynamo.ts";
import type { MetricNames } from "../metrics/worker-metrics.ts";

/** Ids of the tokens around what a model thinks before it answers (Dynamo's mocker `--reasoning`). */
export interface ReasoningMarks {
  startTokenId: number;
  endTokenId: number;
}

/** What the HTTP surface of a process does, beyond what its workers are. */
export interface WorkerHttpOptions {
  /** Bearer tokens, one of which `/v1/*` and what changes a worker asks for. Default none: everybody may. */
  apiKeys?: readonly string[];
  /** Further names that the model answers to. */
  modelAliases?: readonly string[];
  /** A request that finds so many sequences waiting is refused with 429. Default null: never. */
  maxWaiting?: number | null;
  /** Mean length of an answer whose request sets none. Default 128. */
  defaultOutputTokens?: number;
  /** Of engines with a thinking ratio. Default null: the marks are words as all others. */
  reasoningMarks?: ReasoningMarks | null;
  /** Whose metric names are exported. Default vllm. */
  metricNames?: MetricNames;
  /** Labels of Dynamo's metrics. Default: `dynamo`, `backend` (`prefill` of prefill workers), `generate`. */
  dynamoPlace?: DynamoPlace | null;
  /** By the ZMQ endpoint that a worker's card names: where to bind it, and where missed events can be had. */
  zmq?: Readonly<Record<string, { bind: string; replay?: string }>>;
  /** Mixed into the texts of requests that bring no seed. Default 0. */
  seed?: number;
  /** Longest body. Default 16 MiB. */
  bodyLimitBytes?: number;
  /** Unread bytes of a stream after which it is cut. Default 1 MiB. */
  streamLimitBytes?: number;
  /** Passes kept for `GET /fpm`. Default 1024. */
  passHistory?: number;
  /** Real ms until the head of a stream goes out, if no token came first. Default 10 000. */
  headAfterMs?: number;
  /** Default warn. */
  logLevel?: "fatal" | "error" | "warn" | "info" | "debug" | "trace" | "silent";
  /** Version that `/version` tells. */
  version?: string;
}

export type ResolvedHttpOptions = Required<WorkerHttpOptions>;

export function resolveHttpOptions(options: WorkerHttpOptions): ResolvedHttpOptions {
  return {
    apiKeys: [],
    modelAliases: [],
    maxWaiting: null,
    defaultOutputTokens: 128,
    reasoningMarks: null,
    metricNames: "vllm",
    dynamoPlace: null,
    zmq: {},
    seed: 0,
    bodyLimitBytes: 16 * 2 ** 20,
    streamLimitBytes: 2 ** 20,
    passHistory: 1024,
    headAfterMs: 10_000,
    logLevel: "warn",
    version: "0",
    ...options,
  };
}
