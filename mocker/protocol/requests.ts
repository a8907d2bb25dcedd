import type { KvTransferParams } from "./types.ts";

/** What requests to both completion endpoints have in common; absent and null are the same. */
export interface GenerationRequest {
  /** null where the request names none: any model will do. */
  model: string | null;
  /** Tokens to generate; null where the client leaves it open. `max_completion_tokens` beats `max_tokens`. */
  maxTokens: number | null;
  minTokens: number;
  ignoreEos: boolean;
  /** Choices per prompt. */
  n: number;
  stop: string[];
  stopTokenIds: number[];
  /** vLLM's include_stop_str_in_output. */
  includeStop: boolean;
  stream: boolean;
  /** stream_options.include_usage: a last chunk with the usage, and `usage: null` in those before. */
  includeUsage: boolean;
  /** stream_options.continuous_usage_stats: the usage so far in each chunk. */
  continuousUsage: boolean;
  seed: number | null;
  temperature: number | null;
  /** Alternatives to list per token; null: no logprobs. */
  logprobs: number | null;
  /** vLLM's return_token_ids. */
  returnTokenIds: boolean;
  /** What the answer has to be: any text, JSON of some schema, one of some texts. */
  format: AnswerFormat;
  user: string | null;
  priority: number;
  kvTransfer: KvTransferParams | null;
}

/** `true` is any JSON value, as in JSON Schema; `schema` of json_object is that of any object. */
export type AnswerFormat =
  | { type: "text" }
  | { type: "json"; schema: JsonSchema }
  | { type: "choice"; choices: string[] };

export type JsonSchema = boolean | { readonly [keyword: string]: unknown };

export interface ChatRequest extends GenerationRequest {
  kind: "chat";
  messages: ChatMessage[];
  tools: FunctionTool[];
  /** `named` and `required` make the answer a call. */
  toolChoice: { type: "none" | "auto" | "required" } | { type: "named"; name: string };
}

export interface ChatMessage {
  role: string;
  parts: ContentPart[];
}

export type ContentPart = { type: "text"; text: string } | { type: "image"; url: string; tokens: number };

export interface FunctionTool {
  name: string;
  /** JSON Schema of its arguments. */
  parameters: JsonSchema;
  /** The tool as the client sent it. */
  source: unknown;
}

export interface CompletionRequest extends GenerationRequest {
  kind: "completion";
  prompts: PromptSource[];
  /** The answer begins with the prompt. */
  echo: boolean;
}

/** Text, or token ids. */
export type PromptSource = string | Int32Array;

export interface EmbeddingsRequest {
  kind: "embeddings";
  model: string | null;
  inputs: PromptSource[];
  encoding: "float" | "base64";
  /** null: the model's own. */
  dimensions: number | null;
  user: string | null;
}
