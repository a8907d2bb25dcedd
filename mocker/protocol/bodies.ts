import type { KvTransferParams } from "./types.ts";

export interface ResponseIdentity {
  /** `chatcmpl-…`, `cmpl-…`. */
  id: string;
  /** Unix seconds, whole. */
  created: number;
  model: string;
}

export type FinishReason = "stop" | "length" | "tool_calls" | "content_filter";

/** OpenAI's usage of a request: all its choices together. */
export interface Usage {
  prompt_tokens: number;
  total_tokens: number;
  completion_tokens: number;
  prompt_tokens_details: { cached_tokens: number };
  completion_tokens_details?: { reasoning_tokens: number };
}

/** @param reasoningTokens share of the completion tokens; absent where the model doesn't reason */
export function usageOf(
  promptTokens: number,
  completionTokens: number,
  cachedTokens: number,
  reasoningTokens?: number,
): Usage {
  return {
    prompt_tokens: promptTokens,
    total_tokens: promptTokens + completionTokens,
    completion_tokens: completionTokens,
    prompt_tokens_details: { cached_tokens: cachedTokens },
    ...(reasoningTokens === undefined ? {} : { completion_tokens_details: { reasoning_tokens: reasoningTokens } }),
  };
}

/** One choice of an answer that is given whole. */
export interface ChoiceContent {
  text: string;
  finishReason: FinishReason;
  /** The text is the arguments of this call. */
  tool?: { id: string; name: string };
  reasoning?: string;
  /** As `chatLogprobs` or `completionLogprobs` make them. */
  logprobs?: unknown;
  /** vLLM's return_token_ids. */
  tokenIds?: readonly number[];
}

/** What else an answer may carry. */
export interface ResponseExtras {
  kvTransfer?: KvTransferParams | null;
  promptTokenIds?: ArrayLike<number>;
}

/** The answer of `POST /v1/chat/completions` without streaming. */
export function chatCompletionBody(
  identity: ResponseIdentity,
  choices: readonly ChoiceContent[],
  usage: Usage,
  extras: ResponseExtras = {},
) {
  return {
    id: identity.id,
    object: "chat.completion" as const,
    created: identity.created,
    model: identity.model,
    choices: choices.map((choice, index) => ({
      index,
      message: {
        role: "assistant" as const,
        content: choice.tool ? null : choice.text,
        refusal: null,
        ...(choice.reasoning === undefined ? {} : { reasoning_content: choice.reasoning }),
        ...(choice.tool ? { tool_calls: [functionCall(choice.tool, choice.text)] } : {}),
      },
      logprobs: choice.logprobs ?? null,
      finish_reason: choice.finishReason,
      ...(choice.tokenIds ? { token_ids: choice.tokenIds } : {}),
    })),
    usage,
    ...extraFields(extras),
  };
}

function functionCall(tool: { id: string; name: string }, text: string) {
  return { id: tool.id, type: "function" as const, function: { name: tool.name, arguments: text } };
}

/** The answer of `POST /v1/completions` without streaming. */
export function completionBody(
  identity: ResponseIdentity,
  choices: readonly ChoiceContent[],
  usage: Usage,
  extras: ResponseExtras = {},
) {
  return {
    id: identity.id,
    object: "text_completion" as const,
    created: identity.created,
    model: identity.model,
    choices: choices.map((choice, index) => ({
      index,
      text: choice.text,
      logprobs: choice.logprobs ?? null,
      finish_reason: choice.finishReason,
      ...(choice.tokenIds ? { token_ids: choice.tokenIds } : {}),
    })),
    usage,
    ...extraFields(extras),
  };
}

function extraFields(extras: ResponseExtras) {
  return {
    ...(extras.kvTransfer ? { kv_transfer_params: extras.kvTransfer } : {}),
    ...(extras.promptTokenIds ? { prompt_token_ids: Array.from(extras.promptTokenIds) } : {}),
  };
}

export interface ServedModel {
  id: string;
  /** Unix seconds, whole. */
  created: number;
  /** Prompt + output; 0 or absent: not told. */
  maxModelLen?: number;
}

/** One entry of `GET /v1/models`, and the answer of `GET /v1/models/:id`. */
export function modelBody(model: ServedModel) {
  return {
    id: model.id,
    object: "model" as const,
    created: model.created,
    owned_by: "understudy",
    root: model.id,
    parent: null,
    ...(model.maxModelLen ? { max_model_len: model.maxModelLen } : {}),
  };
}

export function modelListBody(models: readonly ServedModel[]) {
  return { object: "list" as const, data: models.map(modelBody) };
}

/**
 * The answer of `POST /v1/embeddings`.
 * @param vectors one per input
 * @param encoding base64 of little-endian 32-bit floats, as clients of OpenAI ask for by default
 */
export function embeddingsBody(
  model: string,
  vectors: readonly Float32Array[],
  encoding: "float" | "base64",
  promptTokens: number,
) {
  return {
    object: "list" as const,
    model,
    data: vectors.map((vector, index) => ({
      object: "embedding" as const,
      index,
      embedding:
        encoding === "float"
          ? Array.from(vector)
          : Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength).toString("base64"),
    })),
    usage: { prompt_tokens: promptTokens, total_tokens: promptTokens },
  };
}
