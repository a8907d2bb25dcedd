import { readFileSync } from "node:fs";
import { Agent, request } from "undici";
import type { z } from "zod";
import { type Pace, realPace } from "../pace.ts";

export interface GlobalPlannerClientOptions {
  /** Such as `http://127.0.0.1:9087`. */
  url: string;
  /** Bearer token; null: none. */
  token?: string | null;
  /** Read anew for every request, as tokens expire. */
  tokenFile?: string | null;
  /** For one attempt, ms. Default 15 000: it may wait for others' requests before ours. */
  timeoutMs?: number;
  /** No attempt begins later than this after the first, ms. Default 20 000. */
  deadlineMs?: number;
  pace?: Pace;
  /** Uniform in [0, 1): jitter. */
  random: () => number;
}

export interface GlobalPlannerAnswer {
  status: number;
  body: unknown;
}

/** The global planner gave no usable answer, retries included. */
export class GlobalPlannerSilent extends Error {
  override readonly name = "GlobalPlannerSilent";
}

const TIMEOUT_MS = 15_000;
const DEADLINE_MS = 20_000;
const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 4_000;
const MAX_ANSWER_BYTES = 2 ** 20;

/** Asks the global planner over HTTP, again where it is overloaded, starting, stopping or not there. */
export class GlobalPlannerClient {
  readonly url: string;
  readonly #options: GlobalPlannerClientOptions;
  readonly #pace: Pace;
  #agent: Agent | null = null;

  constructor(options: GlobalPlannerClientOptions) {
    this.url = options.url.replace(/\/+$/, "");
    this.#options = options;
    this.#pace = options.pace ?? realPace;
  }

  /**
   * An answer of any status but 429 and 5xx.
   * @throws GlobalPlannerSilent
   */
  async ask(
    path: string,
    { body, signal, deadlineMs }: { body?: unknown; signal?: AbortSignal; deadlineMs?: number } = {},
  ): Promise<GlobalPlannerAnswer> {
    const endMs = this.#pace.nowMs() + (deadlineMs ?? this.#options.deadlineMs ?? DEADLINE_MS);
    for (let attempt = 0; ; attempt++) {
      const tried = await this.#once(path, body, signal);
      if ("answer" in tried && tried.answer.status !== 429 && tried.answer.status < 500) return tried.answer;
      const backoffMs = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** attempt) * (0.5 + this.#options.random());
      const waitMs = "retryAfterMs" in tried ? tried.retryAfterMs + backoffMs : backoffMs;
      if (signal?.aborted || this.#pace.nowMs() + waitMs > endMs) {
        throw new GlobalPlannerSilent(`${this.url}: ${tried.why} (${attempt + 1} attempts)`);
      }
      await this.#pace.sleep(waitMs, signal);
    }
  }

  async close(): Promise<void> {
    const agent = this.#agent;
    this.#agent = null;
    await agent?.destroy();
  }

  async #once(
    path: string,
    body: unknown,
    outer: AbortSignal | undefined,
  ): Promise<{ why: string } | { answer: GlobalPlannerAnswer; why: string; retryAfterMs: number }> {
    const { timeoutMs = TIMEOUT_MS } = this.#options;
    const timeout = AbortSignal.timeout(Math.ceil(timeoutMs));
    this.#agent ??= new Agent({ connections: 4, maxResponseSize: MAX_ANSWER_BYTES, connect: { timeout: timeoutMs } });
    try {
      const answer = await request(`${this.url}${path}`, {
        method: body === undefined ? "GET" : "POST",
        dispatcher: this.#agent,
        signal: outer === undefined ? timeout : AbortSignal.any([outer, timeout]),
        headersTimeout: timeoutMs,
        bodyTimeout: timeoutMs,
        headers: {
          accept: "application/json",
          ...(body === undefined ? {} : { "content-type": "application/json" }),
          ...this.#authorization(),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const text = await answer.body.text();
      const found: GlobalPlannerAnswer = { status: answer.statusCode, body: parsed(text) };
      const why = `it answers ${answer.statusCode}: ${saidBy(found.body) ?? text.trim().slice(0, 200)}`;
      return { answer: found, why, retryAfterMs: retryAfterMs(answer.headers["retry-after"]) };
    } catch (error) {
      return { why: reasonOf(error) };
    }
  }

  #authorization(): Record<string, string> {
    const { token, tokenFile } = this.#options;
    const found = tokenFile ? readFileSync(tokenFile, "utf8").trim() : token;
    return found ? { authorization: `Bearer ${found}` } : {};
  }
}

/** What an answer says of a fault, ours or Dynamo's shape; null where it says nothing. */
export function saidBy(body: unknown): string | null {
  if (typeof body !== "object" || body === null) return null;
  const { error, message } = body as { error?: unknown; message?: unknown };
  const said = typeof error === "string" ? error : message;
  return typeof said === "string" && said !== "" ? said.slice(0, 1000) : null;
}

/** @throws GlobalPlannerSilent for what is none */
export function understood<Schema extends z.ZodType>(schema: Schema, { body }: GlobalPlannerAnswer): z.infer<Schema> {
  const read = schema.safeParse(body);
  if (read.success) return read.data;
  throw new GlobalPlannerSilent(`its answer is not understood: ${read.error.issues[0]?.message ?? "no reason"}`);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** Retry-After in seconds, as the global planner says it. */
function retryAfterMs(header: string | string[] | undefined): number {
  const seconds = Number(Array.isArray(header) ? header[0] : header);
  return Number.isFinite(seconds) ? Math.max(0, seconds * 1000) : 0;
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === "TimeoutError") return "no answer in time";
  return error.message || (error as NodeJS.ErrnoException).code || error.name;
}
