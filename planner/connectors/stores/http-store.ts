import { Agent, type Dispatcher, request } from "undici";
import { z } from "zod";
import { reasonOf } from "./reason.ts";
import { type KeyValueStore, StoreUnavailable, type StoreView, type Transaction } from "./types.ts";

export interface HttpStoreOptions {
  /** Of the server, with a path where the store lies under one; `/v1/kv` is added. */
  url: string;
  /** Bearer token. */
  token?: string;
  /** PEM of the authority that signed the server's certificate; default: the system's. */
  ca?: string;
  /** For one answer, ms. */
  timeoutMs?: number;
}

const TIMEOUT_MS = 5_000;
/** One question for changes; proxies between give up idle connections after a minute at the earliest. */
const LONGEST_WAIT_S = 30;

const viewSchema = z.object({
  revision: z.int().min(0),
  values: z.record(z.string(), z.object({ value: z.string(), revision: z.int().min(1) })),
});

/**
 * A store behind a small HTTP protocol (docs/planner-virtual.md), as `understudy planner store` serves it: `GET /v1/kv?prefix=` for a view
 * whose ETag is the store's revision, the same with `If-None-Match` and `Prefer: wait=` for the next one, `POST /v1/kv` for a transaction.
 */
export class HttpStore implements KeyValueStore {
  readonly kind = "http";
  readonly place: string;
  readonly #options: HttpStoreOptions;
  readonly #url: string;
  readonly #agent: Agent;

  constructor(options: HttpStoreOptions) {
    this.#options = options;
    const url = new URL(options.url);
    this.place = `${url.origin}${url.pathname.replace(/\/+$/, "")}`;
    this.#url = `${this.place}/v1/kv`;
    const { ca, timeoutMs = TIMEOUT_MS } = options;
    this.#agent = new Agent({ connect: { timeout: timeoutMs, ...(ca === undefined ? {} : { ca }) } });
  }

  async read(prefix: string): Promise<StoreView> {
    const answer = await this.#ask({ query: { prefix } });
    if (answer.status !== 200) throw this.#refused(answer);
    return this.#viewOf(answer.text);
  }

  async commit(transaction: Transaction): Promise<boolean> {
    const answer = await this.#ask({ method: "POST", body: transaction });
    if (answer.status === 409) return false;
    if (answer.status !== 200) throw this.#refused(answer);
    return true;
  }

  async changed(prefix: string, revision: number, timeoutMs: number, signal?: AbortSignal): Promise<boolean> {
    const endMs = performance.now() + timeoutMs;
    for (;;) {
      const leftMs = endMs - performance.now();
      if (leftMs <= 0 || signal?.aborted) return false;
      const waitS = Math.min(LONGEST_WAIT_S, Math.ceil(leftMs / 1000));
      const headers = { "if-none-match": `"${revision}"`, prefer: `wait=${waitS}` };
      const isOver = AbortSignal.any([
        AbortSignal.timeout(Math.ceil(leftMs)),
        ...(signal === undefined ? [] : [signal]),
      ]);
      try {
        const answer = await this.#ask({ query: { prefix }, headers, waitMs: waitS * 1000, signal: isOver });
        if (answer.status === 200) return true;
        if (answer.status !== 304) throw this.#refused(answer);
      } catch (error) {
        if (isOver.aborted) return false;
        throw error;
      }
    }
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }

  async #ask({ method = "GET", query, headers = {}, body, waitMs = 0, signal }: Question): Promise<Answer> {
    const { token, timeoutMs = TIMEOUT_MS } = this.#options;
    const limit = AbortSignal.timeout(timeoutMs + waitMs);
    try {
      const { statusCode, body: text } = await request(this.#url, {
        method,
        dispatcher: this.#agent,
        headersTimeout: timeoutMs + waitMs,
        signal: signal === undefined ? limit : AbortSignal.any([limit, signal]),
        headers: {
          ...headers,
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
          ...(body === undefined ? {} : { "content-type": "application/json" }),
        },
        ...(query === undefined ? {} : { query }),
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      return { status: statusCode, text: await text.text() };
    } catch (error) {
      throw new StoreUnavailable(`${this.place}: ${reasonOf(error)}`, { cause: error });
    }
  }

  #viewOf(text: string): StoreView {
    try {
      const { revision, values } = viewSchema.parse(JSON.parse(text));
      return { revision, values: new Map(Object.entries(values)) };
    } catch (error) {
      throw new StoreUnavailable(`${this.place}: the answer is no view of a store`, { cause: error });
    }
  }

  #refused({ status, text }: Answer): StoreUnavailable {
    return new StoreUnavailable(`${this.place}: answered ${status}: ${text.slice(0, 200)}`);
  }
}

interface Question {
  method?: Dispatcher.HttpMethod;
  query?: Record<string, string>;
  headers?: Record<string, string>;
  body?: Transaction;
  /** Time that the server may take beyond that of an answer, ms. */
  waitMs?: number;
  signal?: AbortSignal;
}

interface Answer {
  status: number;
  text: string;
}
