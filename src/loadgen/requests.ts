import type { Clock } from "#common";
import { HEADERS } from "#mocker/protocol";
import { builtinTokenizer, type PromptShape, promptIds, promptText, type Tokenizer } from "#mocker/text";
import { hintsOf, sessionNumbers, type Workload } from "#scenarios";
import { badUrl } from "./errors.ts";
import type { LoadTarget, PromptOptions } from "./types.ts";

/** Requests for `Client.dispatch`, without what differs from one to the next. */
export interface RequestParts {
  origin: string;
  path: string;
}

/** Where the requests go. @throws UserError LOADGEN_BAD_URL */
export function requestParts(url: string, endpoint: "chat" | "completions" | "models"): RequestParts {
  const parsed = URL.canParse(url) ? new URL(url) : null;
  if (parsed === null || !/^https?:$/.test(parsed.protocol) || parsed.username !== "" || parsed.search !== "") {
    throw badUrl(url);
  }
  const base = parsed.pathname.replace(/\/+$/, "").replace(/\/v1$/, "");
  const ends = { chat: "chat/completions", completions: "completions", models: "models" };
  return { origin: parsed.origin, path: `${base}/v1/${ends[endpoint]}` };
}

/** Headers that every request has. */
export function commonHeaders({ apiKey, headers }: Pick<LoadTarget, "apiKey" | "headers">): string[] {
  const given = Object.entries(headers ?? {});
  const names = new Set(given.map(([name]) => name.toLowerCase()));
  const made: [string, string][] = [["content-type", "application/json"]];
  if (apiKey !== undefined) made.push(["authorization", `Bearer ${apiKey}`]);
  return [...made.filter(([name]) => !names.has(name)), ...given].flat();
}

/** Makes bodies and headers of the requests of a workload. Contents depend on workload, tokenizer and seed alone. */
export class RequestFactory {
  readonly parts: RequestParts;
  readonly #runId: string;
  readonly #workload: Workload;
  readonly #target: LoadTarget;
  readonly #prompts: PromptOptions;
  readonly #tokenizer: Tokenizer;
  readonly #headers: string[];
  readonly #tail: string;
  readonly #clock: Clock | null;
  readonly #sessions: Int32Array;

  /** @param clock where `X-Request-Start` is to be sent @param runId opens the ids of this run's requests */
  constructor(workload: Workload, target: LoadTarget, prompts: PromptOptions, clock: Clock | null, runId: string) {
    this.parts = requestParts(target.url, target.endpoint ?? "chat");
    this.#runId = runId;
    this.#workload = workload;
    this.#target = target;
    this.#prompts = prompts;
    this.#tokenizer = prompts.tokenizer ?? builtinTokenizer();
    this.#headers = commonHeaders(target);
    this.#clock = clock;
    this.#sessions = sessionNumbers(workload);
    const streaming = target.streaming ?? true;
    this.#tail = JSON.stringify({
      stream: streaming,
      ...(streaming ? { stream_options: { include_usage: true } } : {}),
      ...target.extraInputs,
    }).slice(1);
  }

  /** @param unique names the content that no block names; a warm-up request has its own */
  body(request: number, unique = request): Buffer {
    const { endpoint = "chat", model, maxTokensField = "max_tokens" } = this.#target;
    const prompt = this.#prompt(request, unique);
    const content = endpoint === "chat" ? `"messages":[{"role":"user","content":${prompt}}]` : `"prompt":${prompt}`;
    const osl = this.#workload.osl[request]!;
    return Buffer.from(`{"model":${JSON.stringify(model)},${content},"${maxTokensField}":${osl},${this.#tail}`);
  }

  /** @param scheduledMs model time of the clock @param attempt servers must be able to tell it from the one before, which may still be there */
  headers(request: number, scheduledMs: number, attempt = 1): string[] {
    const name = `${this.#runId}-${request}`;
    const headers = [...this.#headers, HEADERS.requestId, attempt === 1 ? name : `${name}.${attempt}`];
    if (this.#clock !== null) {
      headers.push(HEADERS.requestStart, `t=${(this.#clock.toUnixMs(scheduledMs) / 1000).toFixed(6)}`);
    }
    const session = this.#sessions[request] ?? -1;
    if (session >= 0) headers.push(HEADERS.dynamoSessionId, `${this.#runId}-session-${session}`);
    const { hints } = this.#workload;
    if (hints !== undefined) {
      const { priority, strictPriority, policyClass } = hintsOf(hints, request);
      if (priority !== undefined) headers.push(HEADERS.requestPriority, String(priority));
      if (strictPriority !== undefined) headers.push(HEADERS.requestStrictPriority, String(strictPriority));
      if (policyClass !== undefined) headers.push(HEADERS.policyClass, policyClass);
    }
    return headers;
  }

  /** Token ids of a prompt that is made (not of a literal one). */
  promptIds(request: number): Int32Array {
    return promptIds(this.#tokenizer, this.#prompts.seed ?? 0, this.#shape(request, request));
  }

  /** As JSON. */
  #prompt(request: number, unique: number): string {
    const { texts, seed = 0, format } = this.#prompts;
    if (texts !== undefined) return JSON.stringify(texts[request] ?? "");
    const shape = this.#shape(request, unique);
    if (format === "ids") return `[${promptIds(this.#tokenizer, seed, shape).join(",")}]`;
    return JSON.stringify(promptText(this.#tokenizer, seed, shape));
  }

  #shape(request: number, unique: number): PromptShape {
    const { isl, prompts } = this.#workload;
    const shape = { tokens: isl[request]!, unique };
    if (prompts === null) return shape;
    const blockIds = prompts.ids.subarray(prompts.offset[request]!, prompts.offset[request + 1]!);
    return { ...shape, blockIds, blockTokens: prompts.blockTokens };
  }
}
