import type { ServerResponse } from "node:http";
import {
  chatPromptTokens,
  type GenerationRequest,
  invalidJson,
  parseChatRequest,
  parseCompletionRequest,
  parseResponsesRequest,
  promptTokens,
  responsesChatBody,
} from "#mocker/protocol";
import type { Tokenizer } from "#mocker/text";
import { ClientSink } from "./client-sink.ts";
import { ResponsesSink } from "./responses-sink.ts";

export type GenerationEndpoint = "chat_completions" | "completions" | "responses";

/** What a client asks, and how a worker is asked. */
export interface Question {
  parsed: GenerationRequest;
  /** Where it goes at the worker. */
  path: string;
  /** What goes there. */
  json: Record<string, unknown>;
  body: Buffer;
  /** The tokens of each prompt. */
  tokens(tokenizer: Tokenizer): Int32Array[];
  sink(response: ServerResponse, requestId: string, closes: () => boolean): ClientSink;
}

/** @throws OpenAiError 400 */
export function readQuestion(endpoint: GenerationEndpoint, body: Buffer | undefined): Question {
  const json = jsonObject(body);
  if (endpoint === "responses") return responsesQuestion(json);
  const plain = {
    json,
    sink: (response: ServerResponse, id: string, closes: () => boolean) => new ClientSink(response, id, closes),
  };
  if (endpoint === "chat_completions") {
    const parsed = parseChatRequest(json);
    const path = "/v1/chat/completions";
    const tokens = (tokenizer: Tokenizer) => [chatPromptTokens(parsed, tokenizer)];
    return { ...plain, parsed, path, tokens, body: withoutKvTransfer(body!, json) };
  }
  const parsed = parseCompletionRequest(json);
  const tokens = (tokenizer: Tokenizer) => parsed.prompts.map((prompt) => promptTokens(prompt, tokenizer, "prompt"));
  return { ...plain, parsed, path: "/v1/completions", tokens, body: withoutKvTransfer(body!, json) };
}

/** Workers are asked for a chat. */
function responsesQuestion(given: Record<string, unknown>): Question {
  const request = parseResponsesRequest(given);
  const { kv_transfer_params: _, ...json } = responsesChatBody(request);
  const parsed = parseChatRequest(json);
  return {
    parsed,
    json,
    path: "/v1/chat/completions",
    body: Buffer.from(JSON.stringify(json)),
    tokens: (tokenizer) => [chatPromptTokens(parsed, tokenizer)],
    sink: (response, id, closes) => new ResponsesSink(response, id, closes, request),
  };
}

/** Where blocks come from is between the frontend and its workers: an address that a client names is not asked. */
function withoutKvTransfer(body: Buffer, json: Record<string, unknown>): Buffer {
  if (!Object.hasOwn(json, "kv_transfer_params")) return body;
  const { kv_transfer_params: _, ...rest } = json;
  return Buffer.from(JSON.stringify(rest));
}

/** @throws OpenAiError 400 */
export function jsonObject(body: Buffer | undefined): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(body?.toString("utf8") ?? "");
  } catch (error) {
    throw invalidJson((error as Error).message);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw invalidJson("it is no object");
  return value as Record<string, unknown>;
}
