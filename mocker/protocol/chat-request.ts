import { z } from "zod";
import { invalidRequest } from "./errors.ts";
import type { ChatMessage, ChatRequest, ContentPart, FunctionTool, JsonSchema } from "./requests.ts";
import { generationRequest, samplingShape } from "./sampling.ts";
import { checked } from "./validation.ts";

/** OpenAI's own numbers for an image of 1024 × 1024: its tiles in full, and at low detail. */
const IMAGE_TOKENS = 765;
const LOW_DETAIL_IMAGE_TOKENS = 85;

const contentPart = z.looseObject({
  type: z.string(),
  text: z.string().nullish(),
  refusal: z.string().nullish(),
  image_url: z
    .union([z.string(), z.looseObject({ url: z.string(), detail: z.string().nullish() })], {
      error: "a URL or an object with one",
    })
    .nullish(),
});
export type ContentPartBody = z.output<typeof contentPart>;

const message = z.looseObject({
  role: z.enum(["system", "developer", "user", "assistant", "tool", "function"]),
  content: z.union([z.string(), z.array(contentPart)], { error: "a string or an array of content parts" }).nullish(),
  reasoning_content: z.string().nullish(),
  tool_calls: z
    .array(
      z.looseObject({
        function: z.looseObject({ name: z.string(), arguments: z.string().nullish() }).optional(),
      }),
    )
    .nullish(),
});

const tool = z.looseObject({
  type: z.string(),
  function: z
    .looseObject({ name: z.string().min(1), parameters: z.record(z.string(), z.unknown()).nullish() })
    .optional(),
});

const toolChoice = z.union(
  [
    z.enum(["none", "auto", "required"]),
    z.looseObject({ type: z.string(), function: z.looseObject({ name: z.string() }) }),
  ],
  { error: "'none', 'auto', 'required' or an object that names a function" },
);

const chatSchema = z.looseObject({
  ...samplingShape,
  messages: z.array(message).min(1),
  max_completion_tokens: z.int().min(1).nullish(),
  logprobs: z.boolean().nullish(),
  top_logprobs: z.int().min(0).max(20).nullish(),
  tools: z.array(tool).nullish(),
  tool_choice: toolChoice.nullish(),
});
type ChatBody = z.output<typeof chatSchema>;

/** A body of `POST /v1/chat/completions`. @throws OpenAiError 400 */
export function parseChatRequest(body: unknown): ChatRequest {
  const chat = checked(chatSchema, body);
  if (chat.top_logprobs && !chat.logprobs) {
    throw invalidRequest("When using 'top_logprobs', 'logprobs' must be set to true.", "top_logprobs");
  }
  const maxTokens = chat.max_completion_tokens ?? chat.max_tokens ?? null;
  // Checked copies have their keys in another order; what counts as the prompt is what was sent.
  const sent = (body as { tools?: unknown[] }).tools;
  const tools = (chat.tools ?? []).flatMap((found, i) => functionTool(found, sent?.[i]));
  return {
    ...generationRequest(chat, maxTokens, chat.logprobs ? (chat.top_logprobs ?? 0) : null),
    kind: "chat",
    messages: chat.messages.map((found, i) => chatMessage(found, i)),
    tools,
    toolChoice: chosenTool(chat.tool_choice ?? null, tools),
  };
}

function chatMessage(found: ChatBody["messages"][number], index: number): ChatMessage {
  const parts: ContentPart[] = [];
  if (found.reasoning_content) parts.push({ type: "text", text: found.reasoning_content });
  if (typeof found.content === "string") parts.push({ type: "text", text: found.content });
  else if (found.content) {
    parts.push(...found.content.map((part, i) => contentOf(part, `messages[${index}].content[${i}]`)));
  } else if (found.role !== "assistant" && found.role !== "function") {
    throw invalidRequest(
      `Invalid value for 'messages[${index}].content': expected a string or an array of content parts, but got null.`,
      `messages[${index}].content`,
      "invalid_type",
    );
  }
  for (const call of found.tool_calls ?? []) {
    if (call.function) parts.push({ type: "text", text: call.function.name + (call.function.arguments ?? "") });
  }
  return { role: found.role, parts };
}

/** Chat's and responses' parts of a message. @throws OpenAiError 400 for parts that a text model has no use for */
export function contentOf(part: ContentPartBody, param: string): ContentPart {
  switch (part.type) {
    case "text":
    case "input_text":
    case "output_text":
      if (typeof part.text !== "string") throw invalidRequest(`Missing required parameter: '${param}.text'.`, param);
      return { type: "text", text: part.text };
    case "refusal":
      return { type: "text", text: part.refusal ?? "" };
    case "image_url":
    case "input_image": {
      const image = part.image_url;
      const url = typeof image === "string" ? image : image?.url;
      if (url === undefined) throw invalidRequest(`Missing required parameter: '${param}.image_url'.`, param);
      const detail = typeof image === "object" ? image?.detail : part.detail;
      return { type: "image", url, tokens: detail === "low" ? LOW_DETAIL_IMAGE_TOKENS : IMAGE_TOKENS };
    }
    default:
      throw invalidRequest(
        `Invalid value: '${part.type}'. Supported values are: 'text', 'image_url' and 'refusal'.`,
        `${param}.type`,
        "invalid_value",
      );
  }
}

function functionTool(found: z.output<typeof tool>, source: unknown): FunctionTool[] {
  if (!found.function) return [];
  return [{ name: found.function.name, parameters: (found.function.parameters ?? {}) as JsonSchema, source }];
}

function chosenTool(
  choice: z.output<typeof toolChoice> | null,
  tools: readonly FunctionTool[],
): ChatRequest["toolChoice"] {
  if (choice === null) return { type: tools.length > 0 ? "auto" : "none" };
  if (choice !== "none" && tools.length === 0) {
    throw invalidRequest("'tool_choice' is only allowed when 'tools' are specified.", "tool_choice");
  }
  return namedTool(choice, tools);
}

function namedTool(choice: z.output<typeof toolChoice>, tools: readonly FunctionTool[]): ChatRequest["toolChoice"] {
  if (typeof choice === "string") return { type: choice };
  const { name } = choice.function;
  if (!tools.some((candidate) => candidate.name === name)) {
    throw invalidRequest(`Tool choice '${name}' not found in 'tools' parameter.`, "tool_choice", "invalid_value");
  }
  return { type: "named", name };
}
