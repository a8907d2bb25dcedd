import type { EngineLoad, EngineRole, PassBatch } from "#mocker/engine";

/**
 * What a worker says of itself at `GET /worker`: all that a frontend needs for routing, and a planner for counting. The
 * `state` is `starting` until its start-up time is over; a draining worker takes no new requests.
 */
export interface WorkerCard {
  id: string;
  /** Address without a path: `http://127.0.0.1:8001`. */
  url: string;
  model: string;
  role: EngineRole;
  state: "starting" | "ready" | "draining";
  engine: string;
  blockSize: number;
  totalKvBlocks: number;
  maxNumSeqs: number;
  maxNumBatchedTokens: number;
  /** Longest prompt + output, tokens; 0: unlimited (as Dynamo's runtime config has it). */
  contextLength: number;
  dataParallelSize: number;
  tokenizer: string;
  /** KV events are published at `GET /kv_events` (server-sent events), and over ZMQ where an endpoint is given. */
  kvEvents: boolean;
  kvEventsZmq: string | null;
  timeScale: number;
}

/** `GET /worker/load`: one entry per data-parallel rank. */
export interface WorkerLoad {
  ranks: EngineLoad[];
  /** Σ of the prefill shares of all passes so far, model ms. */
  prefillMs: number;
  preemptions: number;
}

/**
 * vLLM's hand-off of a disaggregated request, in bodies and responses. A frontend asks a prefill worker with
 * `do_remote_decode`, and gives what it answered to a decode worker (`do_remote_prefill`).
 */
export interface KvTransferParams {
  do_remote_decode?: boolean;
  do_remote_prefill?: boolean;
  remote_engine_id?: string | null;
  /** Where the blocks are: `GET|DELETE http://host:port/kv_transfer/<remote_request_id>`, `POST …/release`. */
  remote_host?: string | null;
  remote_port?: number | null;
  remote_request_id?: string | null;
  remote_block_ids?: number[] | null;
  /** Ours: when the prompt was computed, Unix seconds; absent where decode came first and has to ask. */
  held_at?: number;
  /** Ours: prompt tokens that the prefill worker had cached. */
  cached_tokens?: number;
}

/** Header names beyond the standard ones; lower case, as Node has them. */
export const HEADERS = {
  requestId: "x-request-id",
  /** `t=<Unix seconds>`, as nginx and Heroku send it: when the request left its client. */
  requestStart: "x-request-start",
  dataParallelRank: "x-data-parallel-rank",
  /** The conversation that a request belongs to, by Dynamo's name and by another usual one. */
  dynamoSessionId: "x-dynamo-session-id",
  sessionId: "x-session-id",
  /** How urgent a request is, over `nvext.agent_hints`, and its policy class or family; Dynamo's names. */
  requestPriority: "x-dynamo-request-priority",
  requestStrictPriority: "x-dynamo-request-strict-priority",
  policyClass: "x-dynamo-meta-policy-class",
  /** Response: ids of the workers that served the request. */
  workerId: "x-worker-id",
  prefillWorkerId: "x-prefill-worker-id",
  /** Response: how often the request was given to workers, where that was more than once. */
  workerAttempts: "x-worker-attempts",
  /** Response: prompt tokens that were found in the worker's prefix cache; also of streams that carry no usage. */
  cachedTokens: "x-cached-tokens",
} as const;

/** A line of the frontend's `GET /requests?since=N`: what a planner wants to know of each request, in order of `seq`. */
export type RequestEvent = { seq: number; requestId: string; model: string /** Unix seconds. */; at: number } & (
  | { kind: "started"; isl: number /** Tokens asked for, null where the client left it open. */; osl: number | null }
  /** Disaggregated: a prefill worker has computed the prompt. */
  | { kind: "prefilled"; isl: number; cachedTokens: number }
  | { kind: "first_token"; ttftMs: number /** Of the prompt, where the worker told. */; cachedTokens?: number }
  | {
      kind: "finished";
      isl: number;
      osl: number;
      cachedTokens: number;
      /** Model ms; null where there was no token, or a single one. */
      ttftMs: number | null;
      itlMs: number | null;
      durationMs: number;
      workerId: string | null;
      prefillWorkerId: string | null;
    }
  | { kind: "failed"; status: number; message: string; workerId: string | null; prefillWorkerId: string | null }
);

/** What a worker tells of a forward pass of one of its ranks. */
export interface ForwardPassRecord extends PassBatch {
  dpRank: number;
  /** End of the pass, Unix seconds. */
  at: number;
  /** Model ms; 0 in a heartbeat: no pass has ended, `scheduled` is what is under way, `queued` who waits now. */
  durationMs: number;
  prefillMs: number;
  usedBlocks: number;
}

/**
 * A line of a worker's `GET /fpm?since=N`: Dynamo's ForwardPassMetrics, version 1, by its names there (model s and tokens),
 * and what else is known of the pass.
 */
export interface ForwardPassLine {
  version: 1;
  worker_id: string;
  dp_rank: number;
  /** Number of the pass within its rank, from 1; heartbeats count, too. */
  counter_id: number;
  wall_time: number;
  scheduled_requests: {
    num_prefill_requests: number;
    sum_prefill_tokens: number;
    var_prefill_length: number;
    sum_prefill_kv_tokens: number;
    num_decode_requests: number;
    sum_decode_kv_tokens: number;
    var_decode_kv_tokens: number;
  };
  queued_requests: {
    num_prefill_requests: number;
    sum_prefill_tokens: number;
    var_prefill_length: number;
    num_decode_requests: number;
    sum_decode_kv_tokens: number;
    var_decode_kv_tokens: number;
  };
  /** Number of the line within its worker: what `since` counts. */
  seq: number;
  /** Unix seconds. */
  at: number;
  /** Share of `wall_time` that prompts took. */
  prefill_time: number;
  used_blocks: number;
}

/** One change of a KV cache. Hashes are unsigned 64-bit numbers in decimal: as JSON numbers, readers would round them. */
export type KvEventData =
  | { stored: { parent_hash: string | null; blocks: { block_hash: string; tokens_hash: string }[] } }
  | { removed: { block_hashes: string[] } }
  | "cleared";

/** A worker's `GET /kv_events`, `event: kv`: what one pass of a rank changed. */
export interface KvEventMessage {
  /** Unix seconds. */
  at: number;
  dp_rank: number;
  /** `event_id` counts from 0 over the life of the worker. */
  events: { event_id: number; data: KvEventData }[];
}

/** `event: snapshot`: all that is cached now, instead of whatever was known before. */
export interface KvSnapshotMessage {
  at: number;
  ranks: { dp_rank: number; blocks: { block_hash: string; tokens_hash: string; parent_hash: string | null }[] }[];
}
