import type { FinishReason, ResponseIdentity, Usage } from "./bodies.ts";
import { asciiJson, jsonText } from "./json.ts";

export interface ChunkTemplateOptions extends ResponseIdentity {
  endpoint: "chat" | "completion";
  /** Choice; default 0. */
  index?: number;
  /** stream_options.include_usage: every chunk but the last says `usage: null`. */
  includeUsage?: boolean;
  /** Where the text of a token goes; default "content". A call's arguments need `tool`. */
  field?: "content" | "reasoning_content" | "arguments";
  /** The function that the answer calls. */
  tool?: { id: string; name: string };
  /** stream_options.continuous_usage_stats: the prompt's share of the usage in each chunk. */
  continuous?: { promptTokens: number };
}

/** What a token chunk may carry beside its text. */
export interface ChunkExtras {
  finishReason?: FinishReason;
  /** JSON of the `logprobs` of this chunk. */
  logprobs?: string;
  /** vLLM's return_token_ids. */
  tokenIds?: readonly number[];
  /** Tokens so far; needed with continuous usage. */
  completionTokens?: number;
}

/**
 * The chunks of one choice of a streamed answer, as whole server-sent events in ASCII. On the hot path a token is
 * `prefix + jsonText(text) + suffix`; with continuous usage `prefix + jsonText(text) + usageSuffix(tokens so far)`.
 */
export interface ChunkTemplate {
  readonly prefix: string;
  readonly suffix: string;
  usageSuffix(completionTokens: number): string;
  /** First chunk of a chat: its role, and the name of the function where it is a call; empty for completions. */
  readonly role: string;
  /** A chunk with more than its text: the last token's with the finish reason, say. */
  token(text: string, extras?: ChunkExtras): string;
  /** A chunk without text that ends the choice, as OpenAI sends it. */
  finish(reason: FinishReason, completionTokens?: number): string;
  /** The chunk without choices at the end of the stream. */
  usage(usage: Usage): string;
}

/** Ends every stream that has not failed. */
export const STREAM_DONE = "data: [DONE]\n\n";

export function chunkTemplate(options: ChunkTemplateOptions): ChunkTemplate {
  const chat = options.endpoint === "chat";
  const object = chat ? "chat.completion.chunk" : "text_completion";
  const envelope = `data: {"id":${asciiJson(options.id)},"object":"${object}","created":${options.created},"model":${asciiJson(options.model)},"choices":[`;
  const choice = `${envelope}{"index":${options.index ?? 0},`;
  const { before, after } = textFrame(options);
  const end = options.includeUsage ? ',"usage":null}\n\n' : "}\n\n";
  const open = ',"logprobs":null,"finish_reason":null}]';

  const usageEnd = (completionTokens: number): string => {
    if (!options.continuous) return end;
    const { promptTokens } = options.continuous;
    return `,"usage":{"prompt_tokens":${promptTokens},"total_tokens":${promptTokens + completionTokens},"completion_tokens":${completionTokens}}}\n\n`;
  };
  const closing = (extras: ChunkExtras): string => {
    const reason = extras.finishReason === undefined ? "null" : `"${extras.finishReason}"`;
    const ids = extras.tokenIds === undefined ? "" : `,"token_ids":[${extras.tokenIds.join(",")}]`;
    return `,"logprobs":${extras.logprobs ?? "null"},"finish_reason":${reason}${ids}}]${usageEnd(extras.completionTokens ?? 0)}`;
  };
  return {
    prefix: choice + before,
    suffix: after + open + end,
    usageSuffix: (completionTokens) => after + open + usageEnd(completionTokens),
    role: chat ? `${choice}"delta":${roleDelta(options)}${open}${usageEnd(0)}` : "",
    token: (text, extras = {}) => choice + before + jsonText(text) + after + closing(extras),
    finish: (finishReason, completionTokens = 0) =>
      choice + (chat ? '"delta":{}' : '"text":""') + closing({ finishReason, completionTokens }),
    usage: (usage) => `${envelope}],"usage":${JSON.stringify(usage)}}\n\n`,
  };
}

/** What stands before and after the text of a token. */
function textFrame(options: ChunkTemplateOptions): { before: string; after: string } {
  if (options.endpoint === "completion") return { before: '"text":"', after: '"' };
  if (options.field === "arguments") {
    return { before: '"delta":{"tool_calls":[{"index":0,"function":{"arguments":"', after: '"}}]}' };
  }
  return { before: `"delta":{"${options.field ?? "content"}":"`, after: '"}' };
}

function roleDelta(options: ChunkTemplateOptions): string {
  if (!options.tool) return '{"role":"assistant","content":""}';
  const { id, name } = options.tool;
  const call = { index: 0, id, type: "function", function: { name, arguments: "" } };
  return asciiJson({ role: "assistant", content: null, tool_calls: [call] });
}
