import { setTimeout as sleep } from "node:timers/promises";
import { type Dispatcher, request } from "undici";
import type { KvEventMessage, KvSnapshotMessage } from "#mocker/protocol";
import type { PrefixIndex, WorkerKey } from "#mocker/router";
import { IndexedWorkerCache } from "./apply.ts";
import { EventStreamParser, type ServerSentEvent } from "./server-sent-events.ts";

export interface KvSubscriptionOptions {
  /** The worker's address without a path. */
  url: string;
  /** What the router calls it. */
  worker: WorkerKey;
  /** Kept as the worker tells; its blocks are forgotten when the subscription ends. */
  index: PrefixIndex;
  /** Default 1. */
  dataParallelSize?: number;
  headers?: Readonly<Record<string, string>>;
  dispatcher?: Dispatcher;
  /** First wait before another attempt, real ms, doubled with each that fails. Default 100. */
  minBackoffMs?: number;
  /** Default 5000. */
  maxBackoffMs?: number;
  /** A connection without so much as a comment for so long is given up, real ms. Default 60 000. */
  idleTimeoutMs?: number;
}

export interface KvSubscription {
  /** `unsupported`: the worker publishes no KV events. */
  readonly state: "connecting" | "live" | "waiting" | "unsupported" | "closed";
  /** Reason of the last failure. */
  readonly lastError: string | null;
  /** Messages applied so far. */
  readonly messages: number;
  close(): void;
}

/**
 * Follows a worker's `GET /kv_events` for as long as it is not closed. After a break it goes on from the last event it saw;
 * where the worker can't (it was restarted, or too much happened) it sends a snapshot, and where events are missing in
 * between, the blocks are forgotten and asked for anew.
 */
export function subscribeKvEvents(options: KvSubscriptionOptions): KvSubscription {
  const subscriber = new KvSubscriber(options);
  void subscriber.run();
  return subscriber;
}

/** The stream can't be followed from here on; the next attempt begins with a snapshot. */
class OutOfStep extends Error {}

class KvSubscriber implements KvSubscription {
  state: KvSubscription["state"] = "connecting";
  lastError: string | null = null;
  messages = 0;
  readonly #options: KvSubscriptionOptions;
  readonly #cache: IndexedWorkerCache;
  readonly #abort = new AbortController();
  #lastId = "";

  constructor(options: KvSubscriptionOptions) {
    this.#options = options;
    this.#cache = new IndexedWorkerCache(options.index, options.worker, options.dataParallelSize ?? 1);
  }

  close(): void {
    if (this.state === "closed") return;
    this.state = "closed";
    this.#abort.abort();
    this.#options.index.workerRemoved(this.#options.worker);
  }

  async run(): Promise<void> {
    const { minBackoffMs = 100, maxBackoffMs = 5000 } = this.#options;
    let backoffMs = minBackoffMs;
    while (this.#goesOn()) {
      const before = this.messages;
      await this.#follow().catch((error: unknown) => this.#failed(error));
      if (!this.#goesOn()) return;
      if (this.messages > before) backoffMs = minBackoffMs;
      this.state = "waiting";
      await sleep(backoffMs, undefined, { signal: this.#abort.signal, ref: false }).catch(() => undefined);
      backoffMs = Math.min(maxBackoffMs, backoffMs * 2);
    }
  }

  #goesOn(): boolean {
    return this.state !== "closed" && this.state !== "unsupported";
  }

  #failed(error: unknown): void {
    this.lastError = error instanceof Error ? error.message : String(error);
    if (!(error instanceof OutOfStep)) return;
    this.#lastId = "";
    this.#cache.clear();
  }

  async #follow(): Promise<void> {
    const { url, headers, dispatcher, idleTimeoutMs = 60_000 } = this.#options;
    this.state = "connecting";
    const { statusCode, body } = await request(`${url}/kv_events`, {
      headers: { accept: "text/event-stream", ...headers, ...(this.#lastId && { "last-event-id": this.#lastId }) },
      signal: this.#abort.signal,
      headersTimeout: idleTimeoutMs,
      bodyTimeout: idleTimeoutMs,
      ...(dispatcher && { dispatcher }),
    });
    if (statusCode !== 200) {
      await body.dump();
      // 404 and the like won't change; a worker that is overloaded or starting will.
      if (statusCode === 404 || statusCode === 501) this.state = "unsupported";
      throw new Error(`GET ${url}/kv_events answered ${statusCode}`);
    }
    this.state = "live";
    const parser = new EventStreamParser((event) => this.#take(event));
    const decoder = new TextDecoder();
    for await (const piece of body) {
      // What was under way when it was closed must not fill the index again.
      if (this.#abort.signal.aborted) return;
      parser.push(decoder.decode(piece as Uint8Array, { stream: true }));
    }
  }

  #take({ id, event, data }: ServerSentEvent): void {
    if (event !== "kv" && event !== "snapshot") return;
    try {
      if (event === "snapshot") this.#cache.replace(JSON.parse(data) as KvSnapshotMessage);
      else if (follows(this.#lastId, id)) this.#cache.apply(JSON.parse(data) as KvEventMessage);
      else throw new Error(`event ${id} does not follow ${this.#lastId}`);
    } catch (error) {
      throw new OutOfStep(`KV events of ${this.#options.url}: ${error instanceof Error ? error.message : error}`);
    }
    this.#lastId = id;
    this.messages++;
  }
}

/** Ids are `<life>-<sequence>`. */
function follows(before: string, id: string): boolean {
  const cut = id.lastIndexOf("-");
  return before === `${id.slice(0, cut)}-${Number(id.slice(cut + 1)) - 1}`;
}
