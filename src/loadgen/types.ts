import type { Clock } from "#common";
import type { Tokenizer } from "#mocker/text";
import type { ClientBehaviour, Workload } from "#scenarios";
import type { GapStatistics, RequestTable, RowFile } from "#src/record";
import type { DetailFile } from "./detail-file.ts";

/** The one server that load goes to. */
export interface LoadTarget {
  /** Address, with or without a path: `http://127.0.0.1:8000`; `/v1/…` is added where it does not end in `/v1`. */
  url: string;
  model: string;
  /** Default `chat`. */
  endpoint?: "chat" | "completions";
  /** Server-sent events; default true. */
  streaming?: boolean;
  /** Sent as a bearer token; never shown anywhere. */
  apiKey?: string;
  headers?: Readonly<Record<string, string>>;
  /** Members of every request's body, over those that are made here. */
  extraInputs?: Readonly<Record<string, unknown>>;
  /** Body member that carries the output length; default `max_tokens`. */
  maxTokensField?: "max_tokens" | "max_completion_tokens";
}

/** What prompts are made of: contents follow the workload's blocks, so that servers find the prefixes a simulation finds. */
export interface PromptOptions {
  /** Whose tokens are counted; default the built-in one. */
  tokenizer?: Tokenizer;
  /** Same seed, same prompts. Default 0. */
  seed?: number | string;
  /** `ids` sends token ids, on the completions endpoint only. Default `text`. */
  format?: "text" | "ids";
  /** Literal prompts by request, instead of made ones. */
  texts?: readonly string[];
}

/** Clients that lose patience, or try again. */
export interface LoadClients {
  behaviour: ClientBehaviour;
  /** Draws their waits. */
  seed: number;
}

export interface LoadOptions {
  workload: Workload;
  target: LoadTarget;
  prompts?: PromptOptions;
  /** Its model time is what everything below counts in. Default: a wall clock of time scale 1 that starts now. */
  clock?: Clock;
  /** Model time of `clock` at which the workload begins; default: when warm-up is over. Requests are due at start + arrival. */
  startMs?: number;
  /** Asked for the same when warm-up is over, where `startMs` is not given: when all generators of a run begin. */
  beginsAt?: () => Promise<number>;
  /** Opens the ids of the requests; default: a random one. */
  runId?: string;
  /** Stop here, ms from the start: what is under way then is cut off and counts as unfinished. */
  endMs?: number;
  /** A request (an attempt of it) that takes longer has failed, ms from its dispatch; default: no limit. */
  requestTimeoutMs?: number;
  /** Default: clients wait for ever, and try once. */
  clients?: LoadClients | null;
  /** Requests sent before the start, unmeasured, with the workload's lengths and contents of their own. Default 0. */
  warmupRequests?: number;
  /** Share of the requests (0..1) that are cancelled by the client at a random token. */
  cancelShare?: number;
  /** Threads that share the work; default 1. With more, the tokenizer must be the built-in one or from a file. */
  threads?: number;
  /**
   * Tokens of reasoning that each answer begins with, by request, where the stream does not tell them apart (completions). What
   * the server's usage does not confirm has no time to first output token.
   */
  reasoningTokens?: Int32Array;
  /** Send `X-Request-Start` with the scheduled time, for servers on this machine that trust it. Default false. */
  sendRequestStart?: boolean;
  onProgress?: (progress: LoadProgress) => void;
  /** Told of every piece of text that comes: `count` of request `request` at once, ms from the start. In one thread alone. */
  onTokens?: (request: number, count: number, atMs: number) => void;
  /** Aborts the run; what has been measured until then is the result. */
  signal?: AbortSignal;
}

export interface LoadProgress {
  /** ms from the start; negative while warming up. */
  nowMs: number;
  sent: number;
  done: number;
  failed: number;
  inFlight: number;
}

export type FailureKind =
  /** No connection: refused, unknown host, TLS. */
  | "connect"
  /** The connection broke before the response was complete. */
  | "dropped"
  | "timeout"
  /** 4xx: the server does not want this request. */
  | "rejected"
  /** 5xx. */
  | "server"
  /** An error event in the stream. */
  | "stream"
  /** An answer that is no OpenAI response: a redirect, a page, a stream that ends without an end. */
  | "protocol";

export interface LoadFailure {
  request: number;
  kind: FailureKind;
  /** HTTP status; 0 where there was no response. */
  status: number;
  message: string;
}

/** How late the generator itself was: dispatch − schedule of open-loop requests and of turns, model ms. */
export interface Lateness {
  count: number;
  meanMs: number;
  p99Ms: number;
  maxMs: number;
  /** Time that the generator's event loop kept its sockets waiting: 99 of 100 samples were below this, model ms. */
  loopDelayMs: number;
}

/** Per-request columns beside the request table; times in ms from the start, NaN where they did not happen. */
export interface RequestDetails {
  /** When the request (its last attempt) was handed to its connection. */
  sentMs: Float64Array;
  /** Response head. */
  respondedMs: Float64Array;
  /** End of the response, of whatever kind. */
  endedMs: Float64Array;
  httpStatus: Int32Array;
  /** 1 where the client gave the request up on purpose. */
  cancelled: Uint8Array;
  /** Prompt tokens by the server's count; −1 where it did not tell. */
  serverIsl: Int32Array;
  /** Content events of the stream. */
  chunks: Int32Array;
}

export interface LoadCounts {
  /** Requests dispatched. */
  sent: number;
  completed: number;
  rejected: number;
  failed: number;
  /** Cut off by the end of the run or its abortion. */
  unfinished: number;
  /** Given up by the client on purpose (`cancelShare`). */
  cancelled: number;
}

/** Something that makes the numbers less than they seem. */
export interface LoadWarning {
  code: "LATE" | "BUSY" | "OSL" | "ISL" | "NO_USAGE" | "NOT_STREAMED";
  text: string;
}

/** All that came of a load run but the rows of its requests. */
export interface LoadFacts {
  workload: Workload;
  /** Request i was sent with `X-Request-Id: <runId>-<i>`, a later attempt with its number behind, `<runId>-<i>.2`. */
  runId: string;
  gaps: GapStatistics;
  counts: LoadCounts;
  /** Of requests that failed in the end; in order of time. */
  failures: LoadFailure[];
  /** Attempts that came to nothing and were followed by another one: their ends, and when those were sent; each in order of time. */
  retries: { endedMs: Float64Array; sentMs: Float64Array };
  lateness: Lateness;
  /** When the last request ended, ms from the start. */
  endMs: number;
  /** Model time of the clock at the start, and the same as Unix ms of the wall clock. */
  startMs: number;
  startUnixMs: number;
  timeScale: number;
  connections: number;
  aborted: boolean;
  warnings: LoadWarning[];
}

/** What came of a load run. Row i of the tables is request i of the workload; rows that were never sent have no arrival. */
export interface LoadResult extends LoadFacts {
  /**
   * `isl` by the server's count where it tells, else the workload's; `outputTokens` by its usage, else content events;
   * `arrivalMs` is the schedule of the first attempt; token times are those of the client's socket, and of the last attempt. Model ms from
   * the start.
   */
  requests: RequestTable;
  details: RequestDetails;
}

/** When requests were to be sent and when they ended, by request of the workload; ms from the start, NaN where they did not. */
export interface LoadTimes {
  requests: Pick<RequestTable, "arrivalMs">;
  details: Pick<RequestDetails, "endedMs">;
}

/** Where the rows of requests go that memory is not to hold; their owner closes them. */
export interface LoadFiles {
  rows: RowFile;
  /** Pages of the same size; null where nobody will ask for them. */
  details: DetailFile | null;
}

/** What came of a load run whose rows are in files; `LoadResult` says what is in them. */
export interface StoredLoad extends LoadFacts, LoadTimes {
  files: LoadFiles;
  /** Numbers of the files' pages, ascending. */
  pages: readonly number[];
  /** By request of the workload; null where nobody cancels. */
  cancelled: Uint8Array | null;
  /** Some response that was not cancelled had tokens of reasoning. */
  reasons: boolean;
}

/** Rows of requests one after the other, sent or not. */
export interface LoadBlock {
  /** Number of the request in the first row. */
  first: number;
  requests: RequestTable;
  details: RequestDetails;
}
