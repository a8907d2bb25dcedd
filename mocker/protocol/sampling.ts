import { z } from "zod";
import { invalidRequest } from "./errors.ts";
import type { AnswerFormat, GenerationRequest, JsonSchema } from "./requests.ts";
import type { KvTransferParams } from "./types.ts";

const jsonSchema = z.union([z.boolean(), z.record(z.string(), z.unknown())], { error: "a JSON schema" });

const kvTransferParams = z.looseObject({
  do_remote_decode: z.boolean().optional(),
  do_remote_prefill: z.boolean().optional(),
  remote_engine_id: z.string().nullish(),
  remote_host: z.string().nullish(),
  remote_port: z.int().nullish(),
  remote_request_id: z.string().nullish(),
  remote_block_ids: z.array(z.int()).nullish(),
  held_at: z.number().optional(),
  cached_tokens: z.int().optional(),
});

/** Parameters that both completion endpoints take, OpenAI's and vLLM's; others are let pass. */
export const samplingShape = {
  model: z.string().nullish(),
  max_tokens: z.int().min(1).nullish(),
  min_tokens: z.int().min(0).nullish(),
  ignore_eos: z.boolean().nullish(),
  n: z.int().min(1).max(128).nullish(),
  stop: z
    .union([z.string(), z.array(z.string()).max(64)], { error: "a string or an array of up to 64 strings" })
    .nullish(),
  stop_token_ids: z.array(z.int()).nullish(),
  include_stop_str_in_output: z.boolean().nullish(),
  stream: z.boolean().nullish(),
  stream_options: z
    .looseObject({ include_usage: z.boolean().nullish(), continuous_usage_stats: z.boolean().nullish() })
    .nullish(),
  seed: z.int().nullish(),
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().min(0).max(1).nullish(),
  top_k: z.int().min(-1).nullish(),
  presence_penalty: z.number().min(-2).max(2).nullish(),
  frequency_penalty: z.number().min(-2).max(2).nullish(),
  return_token_ids: z.boolean().nullish(),
  response_format: z
    .discriminatedUnion(
      "type",
      [
        z.looseObject({ type: z.literal("text") }),
        z.looseObject({ type: z.literal("json_object") }),
        z.looseObject({
          type: z.literal("json_schema"),
          json_schema: z.looseObject({ name: z.string().optional(), schema: jsonSchema.optional() }),
        }),
      ],
      { error: "'text', 'json_object' and 'json_schema'" },
    )
    .nullish(),
  guided_json: z.unknown().optional(),
  guided_choice: z.array(z.string()).min(1).nullish(),
  structured_outputs: z
    .looseObject({
      json: z.unknown().optional(),
      choice: z.array(z.string()).min(1).nullish(),
      json_object: z.boolean().nullish(),
    })
    .nullish(),
  user: z.string().nullish(),
  priority: z.int().nullish(),
  kv_transfer_params: kvTransferParams.nullish(),
};

const samplingSchema = z.looseObject(samplingShape);
type SamplingBody = z.output<typeof samplingSchema>;

/**
 * @param maxTokens what `max_tokens` or its better-named sibling says
 * @param logprobs alternatives per token, null for none
 * @throws OpenAiError 400 where parameters contradict each other
 */
export function generationRequest(
  body: SamplingBody,
  maxTokens: number | null,
  logprobs: number | null,
): GenerationRequest {
  const stop = typeof body.stop === "string" ? [body.stop] : (body.stop ?? []);
  if (stop.includes("")) throw invalidRequest("Invalid 'stop': it cannot contain an empty string.", "stop");
  const minTokens = body.min_tokens ?? 0;
  if (maxTokens !== null && minTokens > maxTokens) {
    throw invalidRequest(
      `min_tokens must be less than or equal to max_tokens=${maxTokens}, got ${minTokens}.`,
      "min_tokens",
    );
  }
  const stream = body.stream ?? false;
  if (body.stream_options && !stream) {
    throw invalidRequest("The 'stream_options' parameter is only allowed when 'stream' is enabled.", "stream_options");
  }
  return {
    model: body.model ?? null,
    maxTokens,
    minTokens,
    ignoreEos: body.ignore_eos ?? false,
    n: body.n ?? 1,
    stop,
    stopTokenIds: body.stop_token_ids ?? [],
    includeStop: body.include_stop_str_in_output ?? false,
    stream,
    includeUsage: body.stream_options?.include_usage ?? false,
    continuousUsage: (body.stream_options?.include_usage && body.stream_options.continuous_usage_stats) ?? false,
    seed: body.seed ?? null,
    temperature: body.temperature ?? null,
    logprobs,
    returnTokenIds: body.return_token_ids ?? false,
    format: answerFormat(body),
    user: body.user ?? null,
    priority: body.priority ?? 0,
    kvTransfer: (body.kv_transfer_params as KvTransferParams | null | undefined) ?? null,
  };
}

const ANY_OBJECT: JsonSchema = { type: "object" };

function answerFormat(body: SamplingBody): AnswerFormat {
  const choices = body.guided_choice ?? body.structured_outputs?.choice;
  if (choices) return { type: "choice", choices };
  const schema = body.guided_json ?? body.structured_outputs?.json;
  if (schema !== undefined && schema !== null) return { type: "json", schema: guidedSchema(schema) };
  if (body.structured_outputs?.json_object) return { type: "json", schema: ANY_OBJECT };
  const format = body.response_format;
  if (format?.type === "json_object") return { type: "json", schema: ANY_OBJECT };
  if (format?.type === "json_schema") return { type: "json", schema: format.json_schema.schema ?? true };
  return { type: "text" };
}

/** vLLM takes a schema as an object or as its text. */
function guidedSchema(found: unknown): JsonSchema {
  let schema = found;
  if (typeof found === "string") {
    try {
      schema = JSON.parse(found);
    } catch {
      throw invalidRequest("Invalid 'guided_json': it is not JSON.", "guided_json", "invalid_value");
    }
  }
  const result = jsonSchema.safeParse(schema);
  if (!result.success) throw invalidRequest("Invalid 'guided_json': expected a JSON schema.", "guided_json");
  return result.data;
}
