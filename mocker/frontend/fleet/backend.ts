import { Pool } from "undici";
import type { WorkerCard } from "#mocker/protocol";

/**
 * `unknown` until it has said what it is, `starting` until it takes requests, `ejected` where it could not be reached,
 * `removed` where discovery knows it no more.
 */
export type BackendState = "unknown" | "starting" | "ready" | "draining" | "ejected" | "removed";

export interface BackendTimeouts {
  connectMs: number;
  /** Until the head of an answer, and between two pieces of it; 0: none. */
  answerMs: number;
}

/** One worker as the frontend knows it. */
export class Backend {
  /** Without a trailing slash. */
  readonly url: string;
  /** Order of discovery; candidates are in it. */
  readonly seq: number;
  readonly dispatcher: Pool;
  /** What it says of itself; null until it was asked. */
  card: WorkerCard | null = null;
  /** It speaks OpenAI's API alone (vLLM, SGLang): it is taken as an aggregated worker. */
  foreign = false;
  models: readonly string[] = [];
  state: BackendState = "unknown";
  /** Work that was given to it and is not done, in the unit of its role. */
  outstanding = 0;
  /** Requests on it now, and all that were ever given to it. */
  requests = 0;
  totalRequests = 0;
  failures = 0;
  lastError: string | null = null;
  /** Checks that failed in a row. */
  failedChecks = 0;
  checkTimer: NodeJS.Timeout | null = null;

  constructor(url: string, seq: number, timeouts: BackendTimeouts) {
    this.url = url;
    this.seq = seq;
    this.dispatcher = new Pool(url, {
      connections: null,
      pipelining: 1,
      allowH2: false,
      connectTimeout: timeouts.connectMs,
      headersTimeout: timeouts.answerMs,
      bodyTimeout: timeouts.answerMs,
      keepAliveTimeout: 60_000,
    });
  }

  get id(): string {
    return this.card?.id ?? this.url;
  }

  get role(): WorkerCard["role"] {
    return this.card?.role ?? "aggregated";
  }
}
