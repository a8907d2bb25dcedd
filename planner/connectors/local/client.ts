import { readFileSync } from "node:fs";
import { Agent, type Dispatcher, request } from "undici";
import type { z } from "zod";
import { randomStream } from "#common";
import { type Pace, realPace } from "../pace.ts";
import { RETRY_TIMES, type RetryOptions, type RetryTimes, retryAfterMs, retrying } from "../retry.ts";
import { reasonOf } from "../stores/reason.ts";
import {
  controlFaultSchema,
  DEPLOYMENTS_PATH,
  type DeploymentKey,
  deploymentListSchema,
  deploymentPath,
  eventListSchema,
  LONGEST_WAIT_S,
  type LocalDeployment,
  type LocalEvent,
  localDeploymentSchema,
  type ScaleBody,
} from "./protocol.ts";

export interface ControlClientOptions {
  /** Such as `http://127.0.0.1:40123`. */
  url: string;
  /** Bearer token; null: none. */
  token?: string | null;
  /** Read anew for every request: a runner that starts again may write another. Beats `token`. */
  tokenFile?: string | null;
  /** For one attempt, ms. Default 5 000. */
  timeoutMs?: number;
  retry?: Partial<RetryTimes>;
  pace?: Pace;
  /** Uniform in [0, 1): jitter. Default: a stream seeded with the address. */
  random?: () => number;
}

export interface ControlCallOptions {
  signal?: AbortSignal;
  /** No attempt begins later than this after the first, ms; 0: one attempt. */
  deadlineMs?: number;
}

/** The control API refuses. */
export class ControlFailure extends Error {
  override readonly name = "ControlFailure";
  readonly status: number;
  /** Of the fault, such as `stale-version`; empty where the answer has none. */
  readonly code: string;
  readonly hint: string | null;
  /** How long it asks to be left alone, ms; null where it doesn't say. */
  readonly retryAfterMs: number | null;

  constructor(status: number, fault: { code: string; message: string; hint?: string }, retryAfterMs: number | null) {
    super(fault.message);
    this.status = status;
    this.code = fault.code;
    this.hint = fault.hint ?? null;
    this.retryAfterMs = retryAfterMs;
  }
}

/** The control API gave no usable answer, retries included. */
export class ControlUnavailable extends Error {
  override readonly name = "ControlUnavailable";
}

const TIMEOUT_MS = 5_000;
/** A runner that starts again may have written its token after we read it. */
const REFUSALS = 3;

const retries: Pick<RetryOptions, "isPassing" | "askedMs"> = {
  isPassing(error, attempt) {
    if (!(error instanceof ControlFailure)) return !(error instanceof ControlUnavailable);
    if (error.status === 401) return attempt < REFUSALS;
    return error.status === 429 || error.status >= 500;
  },
  askedMs: (error) => (error instanceof ControlFailure ? error.retryAfterMs : null),
};

/** The control API of the deployments that run on this machine. All calls throw ControlFailure or ControlUnavailable. */
export class ControlClient {
  readonly url: string;
  readonly #options: ControlClientOptions;
  readonly #timeoutMs: number;
  readonly #pace: Pace;
  readonly #random: () => number;
  #agent: Agent | null = null;

  constructor(options: ControlClientOptions) {
    this.url = options.url.replace(/\/+$/, "");
    this.#options = options;
    this.#timeoutMs = options.timeoutMs ?? TIMEOUT_MS;
    this.#pace = options.pace ?? realPace;
    this.#random = options.random ?? randomStream(this.url, "control API retries").next;
  }

  async deployments(options: ControlCallOptions = {}): Promise<LocalDeployment[]> {
    const { items } = await this.#ask(deploymentListSchema, { path: DEPLOYMENTS_PATH, ...options });
    return items;
  }

  /** Null where there is none of this name. */
  async deployment(key: DeploymentKey, options: ControlCallOptions = {}): Promise<LocalDeployment | null> {
    return orNull(this.#ask(localDeploymentSchema, { path: deploymentPath(key), ...options }));
  }

  /**
   * The deployment as soon as its version is above `resourceVersion`, else as it is after `waitMs`. Null where there is none of this name.
   * One attempt unless told otherwise.
   */
  async changed(
    key: DeploymentKey,
    resourceVersion: number,
    waitMs: number,
    options: ControlCallOptions = {},
  ): Promise<LocalDeployment | null> {
    const wait = Math.min(LONGEST_WAIT_S, Math.max(0, Math.ceil(waitMs / 1000)));
    const query = { resourceVersion: String(resourceVersion), wait: String(wait) };
    const question = { path: deploymentPath(key), query, extraMs: wait * 1000, deadlineMs: 0, ...options };
    return orNull(this.#ask(localDeploymentSchema, question));
  }

  /** The deployment with the new counts. Fails with 409 where it has changed since or takes no changes, with 422 for bad counts. */
  async scale(key: DeploymentKey, body: ScaleBody, options: ControlCallOptions = {}): Promise<LocalDeployment> {
    const path = `${deploymentPath(key)}/scale`;
    return this.#ask(localDeploymentSchema, { method: "PATCH", path, body, ...options });
  }

  async events(
    key: DeploymentKey,
    since = 0,
    options: ControlCallOptions = {},
  ): Promise<{ items: LocalEvent[]; next: number }> {
    const query = { since: String(since) };
    return this.#ask(eventListSchema, { path: `${deploymentPath(key)}/events`, query, ...options });
  }

  /** Text of a replica's log as it comes. `follow`: until `signal` ends it or the replica is gone. No retries. */
  async *logs(
    key: DeploymentKey,
    replica: string,
    { tail, follow = false, signal }: { tail?: number; follow?: boolean; signal?: AbortSignal } = {},
  ): AsyncGenerator<string> {
    const query = { ...(tail === undefined ? {} : { tail: String(tail) }), ...(follow ? { follow: "true" } : {}) };
    const path = `${deploymentPath(key)}/logs/${encodeURIComponent(replica)}`;
    const response = await this.#send({ path, query, ...(signal === undefined ? {} : { signal }) }, signal, 0);
    response.body.setEncoding("utf8");
    yield* response.body as AsyncIterable<string>;
  }

  /** Begins to end the deployment; false where there is none of this name. */
  async remove(key: DeploymentKey, options: ControlCallOptions = {}): Promise<boolean> {
    const removed = this.#retrying(options, async () => {
      const limit = this.#limit(options.signal, this.#timeoutMs);
      const response = await this.#send({ method: "DELETE", path: deploymentPath(key) }, limit, this.#timeoutMs);
      await response.body.dump();
      return true;
    });
    return (await orNull(removed)) ?? false;
  }

  async close(): Promise<void> {
    const agent = this.#agent;
    this.#agent = null;
    await agent?.destroy();
  }

  async #ask<Schema extends z.ZodType>(schema: Schema, question: Question): Promise<z.output<Schema>> {
    const timeoutMs = this.#timeoutMs + (question.extraMs ?? 0);
    return this.#retrying(question, async () => {
      const response = await this.#send(question, this.#limit(question.signal, timeoutMs), timeoutMs);
      const read = schema.safeParse(parsed(await response.body.text()));
      if (read.success) return read.data;
      const [issue] = read.error.issues;
      throw new ControlUnavailable(
        `${this.url}: the answer is not understood: ${issue?.path.join(".") ?? ""}: ${issue?.message ?? "no reason"}`,
      );
    });
  }

  #retrying<Value>({ signal, deadlineMs }: ControlCallOptions, call: () => Promise<Value>): Promise<Value> {
    const times = { ...RETRY_TIMES, ...this.#options.retry, ...(deadlineMs === undefined ? {} : { deadlineMs }) };
    return retrying(call, {
      ...retries,
      unavailable: (error, attempts) => this.#unavailable(error, attempts),
      times,
      pace: this.#pace,
      random: this.#random,
      ...(signal === undefined ? {} : { signal }),
    });
  }

  #limit(outer: AbortSignal | undefined, timeoutMs: number): AbortSignal {
    const limit = AbortSignal.timeout(Math.ceil(timeoutMs));
    return outer === undefined ? limit : AbortSignal.any([outer, limit]);
  }

  async #send(
    { method = "GET", path, query = {}, body }: Question,
    signal: AbortSignal | undefined,
    timeoutMs: number,
  ): Promise<Dispatcher.ResponseData> {
    this.#agent ??= new Agent({ connect: { timeout: this.#timeoutMs } });
    const response = await request(`${this.url}${path}`, {
      method,
      query,
      dispatcher: this.#agent,
      headersTimeout: timeoutMs,
      bodyTimeout: timeoutMs,
      headers: {
        ...this.#authorization(),
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(signal === undefined ? {} : { signal }),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (response.statusCode < 300) return response;
    const header = response.headers["retry-after"];
    const asked = retryAfterMs(Array.isArray(header) ? header[0] : header, Date.now());
    throw new ControlFailure(response.statusCode, faultOf(await response.body.text(), response.statusCode), asked);
  }

  #authorization(): Record<string, string> {
    const { token, tokenFile } = this.#options;
    const found = tokenFile ? readFileSync(tokenFile, "utf8").trim() : token;
    return found ? { authorization: `Bearer ${found}` } : {};
  }

  #unavailable(error: unknown, attempts: number): ControlUnavailable {
    const why = error instanceof ControlFailure ? `${error.status}: ${error.message}` : reasonOf(error);
    const said = `the control API ${this.url} can't be asked (${attempts} attempts): ${why}`;
    return new ControlUnavailable(said, { cause: error });
  }
}

interface Question extends ControlCallOptions {
  method?: "GET" | "PATCH" | "DELETE";
  path: string;
  query?: Record<string, string>;
  body?: ScaleBody;
  /** Time that the server may take beyond that of an answer, ms. */
  extraMs?: number;
}

async function orNull<Value>(asked: Promise<Value>): Promise<Value | null> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof ControlFailure && error.status === 404) return null;
    throw error;
  }
}

function faultOf(text: string, status: number): { code: string; message: string; hint?: string } {
  const read = controlFaultSchema.safeParse(parsed(text));
  if (!read.success) return { code: "", message: text.trim().slice(0, 300) || `HTTP ${status}` };
  const { code, message, hint } = read.data.error;
  return { code, message, ...(hint === undefined ? {} : { hint }) };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
