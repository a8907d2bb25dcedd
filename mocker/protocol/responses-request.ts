import { z } from "zod";
import { invalidRequest } from "./errors.ts";
import { checked } from "./validation.ts";

const inputPart = z.looseObject({
  type: z.string(),
  text: z.string().nullish(),
  refusal: z.string().nullish(),
  image_url: z.string().nullish(),
  detail: z.string().nullish(),
});

const inputItem = z.looseObject({
  type: z.string().nullish(),
  role: z.string().optional(),
  content: z.union([z.string(), z.array(inputPart)], { error: "a string or an array of content parts" }).optional(),
  name: z.string().optional(),
  call_id: z.string().optional(),
  arguments: z.string().optional(),
  output: z.unknown().optional(),
});
type InputItem = z.output<typeof inputItem>;

const responsesSchema = z.looseObject({
  model: z.string().nullish(),
  input: z.union([z.string(), z.array(inputItem).min(1)], { error: "a string or an array of input items" }),
  instructions: z.string().nullish(),
  max_output_tokens: z.int().min(1).nullish(),
  stream: z.boolean().nullish(),
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().min(0).max(1).nullish(),
  tools: z
    .array(
      z.looseObject({
        type: z.string(),
        name: z.string().optional(),
        description: z.string().nullish(),
        parameters: z.record(z.string(), z.unknown()).nullish(),
      }),
    )
    .nullish(),
  tool_choice: z
    .union([z.enum(["none", "auto", "required"]), z.looseObject({ type: z.string(), name: z.string().optional() })], {
      error: "'none', 'auto', 'required' or an object that names a function",
    })
    .nullish(),
  text: z
    .looseObject({
      format: z
        .looseObject({ type: z.string(), name: z.string().optional(), schema: z.unknown().optional() })
        .nullish(),
    })
    .nullish(),
  previous_response_id: z.string().nullish(),
  background: z.boolean().nullish(),
  parallel_tool_calls: z.boolean().nullish(),
  metadata: z.record(z.string(), z.unknown()).nullish(),
  store: z.boolean().nullish(),
  user: z.string().nullish(),
});

/** A checked body of `POST /v1/responses`. */
export type ResponsesRequest = z.output<typeof responsesSchema>;

/** @throws OpenAiError 400 for what is wrong, and for what would need a memory of earlier responses */
export function parseResponsesRequest(body: unknown): ResponsesRequest {
  const request = checked(responsesSchema, body);
  if (request.previous_response_id) {
    throw invalidRequest(
      "Responses are not stored here: send the whole conversation as 'input'.",
      "previous_response_id",
      "unsupported_parameter",
    );
  }
  if (request.background) {
    throw invalidRequest("Responses are not computed in the background here.", "background", "unsupported_parameter");
  }
  return request;
}

/**
 * The chat that says the same, as a body of `POST /v1/chat/completions`; a stream of it ends with its usage.
 * @throws OpenAiError 400 for items that have no counterpart there
 */
export function responsesChatBody(request: ResponsesRequest): Record<string, unknown> {
  const {
    model,
    input,
    instructions,
    max_output_tokens,
    stream,
    tools,
    tool_choice,
    text,
    previous_response_id: _previous,
    background: _background,
    store: _store,
    metadata: _metadata,
    reasoning: _reasoning,
    include: _include,
    truncation: _truncation,
    ...rest
  } = request;
  const items = typeof input === "string" ? [{ role: "user", content: input } as InputItem] : input;
  const messages = items.flatMap((item, i) => messageOf(item, `input[${i}]`));
  if (instructions) messages.unshift({ role: "system", content: instructions });
  return {
    ...rest,
    ...(model ? { model } : {}),
    messages,
    ...(max_output_tokens ? { max_completion_tokens: max_output_tokens } : {}),
    ...(stream ? { stream: true, stream_options: { include_usage: true } } : {}),
    ...functionTools(tools ?? []),
    ...(tool_choice ? { tool_choice: chatToolChoice(tool_choice) } : {}),
    ...(text?.format ? { response_format: chatFormat(text.format) } : {}),
  };
}

type ChatMessageBody = { role: string; [key: string]: unknown };

function messageOf(item: InputItem, param: string): ChatMessageBody[] {
  switch (item.type ?? "message") {
    case "message":
      if (item.role === undefined || item.content === undefined) {
        throw invalidRequest(`Missing required parameter: '${param}.${item.role ? "content" : "role"}'.`, param);
      }
      return [{ role: item.role, content: chatContent(item.content) }];
    case "function_call": {
      const call = { name: item.name ?? "", arguments: item.arguments ?? "" };
      const id = item.call_id ?? "";
      return [{ role: "assistant", content: null, tool_calls: [{ id, type: "function", function: call }] }];
    }
    case "function_call_output": {
      const content = typeof item.output === "string" ? item.output : JSON.stringify(item.output ?? "");
      return [{ role: "tool", tool_call_id: item.call_id ?? "", content }];
    }
    case "reasoning":
      return [];
    default:
      throw invalidRequest(
        `Invalid value: '${item.type}'. Supported values are: 'message', 'function_call', 'function_call_output' and 'reasoning'.`,
        `${param}.type`,
        "invalid_value",
      );
  }
}

function chatContent(content: NonNullable<InputItem["content"]>): unknown {
  if (typeof content === "string") return content;
  return content.map((part) => {
    if (part.type === "input_text" || part.type === "output_text") return { type: "text", text: part.text };
    if (part.type === "input_image") {
      return { type: "image_url", image_url: { url: part.image_url, detail: part.detail ?? "auto" } };
    }
    return part;
  });
}

function functionTools(tools: NonNullable<ResponsesRequest["tools"]>): Record<string, unknown> {
  const functions = tools.filter((tool) => tool.type === "function");
  if (functions.length === 0) return {};
  return { tools: functions.map(({ type, ...definition }) => ({ type, function: definition })) };
}

function chatToolChoice(choice: NonNullable<ResponsesRequest["tool_choice"]>): unknown {
  return typeof choice === "object" ? { type: "function", function: { name: choice.name ?? "" } } : choice;
}

function chatFormat(format: { type: string; name?: string | undefined; schema?: unknown }): unknown {
  if (format.type !== "json_schema") return { type: format.type };
  return { type: "json_schema", json_schema: { name: format.name ?? "answer", schema: format.schema } };
}
