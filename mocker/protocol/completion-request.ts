import { z } from "zod";
import { invalidRequest } from "./errors.ts";
import type { CompletionRequest, EmbeddingsRequest, PromptSource } from "./requests.ts";
import { generationRequest, samplingShape } from "./sampling.ts";
import { checked, missing, wrongType } from "./validation.ts";

const MAX_PROMPTS = 2048;

const completionSchema = z.looseObject({
  ...samplingShape,
  prompt: z.unknown().optional(),
  logprobs: z.int().min(0).max(20).nullish(),
  echo: z.boolean().nullish(),
  suffix: z.string().nullish(),
});

/** A body of `POST /v1/completions`. @throws OpenAiError 400 */
export function parseCompletionRequest(body: unknown): CompletionRequest {
  const completion = checked(completionSchema, body);
  if (completion.suffix) throw invalidRequest("'suffix' is not supported.", "suffix", "unsupported_parameter");
  return {
    ...generationRequest(completion, completion.max_tokens ?? null, completion.logprobs ?? null),
    kind: "completion",
    prompts: promptSources(completion.prompt, "prompt"),
    echo: completion.echo ?? false,
  };
}

const embeddingsSchema = z.looseObject({
  model: z.string().nullish(),
  input: z.unknown().optional(),
  encoding_format: z.enum(["float", "base64"]).nullish(),
  dimensions: z.int().min(1).max(16_384).nullish(),
  user: z.string().nullish(),
});

/** A body of `POST /v1/embeddings`. @throws OpenAiError 400 */
export function parseEmbeddingsRequest(body: unknown): EmbeddingsRequest {
  const found = checked(embeddingsSchema, body);
  return {
    kind: "embeddings",
    model: found.model ?? null,
    inputs: promptSources(found.input, "input"),
    encoding: found.encoding_format ?? "float",
    dimensions: found.dimensions ?? null,
    user: found.user ?? null,
  };
}

/** Text, texts, token ids, or several prompts of token ids. */
function promptSources(found: unknown, param: "prompt" | "input"): PromptSource[] {
  if (found === undefined || found === null) throw missing(param);
  if (typeof found === "string") return [found];
  if (!Array.isArray(found)) throw wrongType(param, "a string, an array of strings or token ids", found);
  if (found.length === 0) {
    throw invalidRequest(`Invalid '${param}': empty array. It must not be empty.`, param, "empty_array");
  }
  if (typeof found[0] === "number") return [tokenIds(found, param)];
  if (found.length > MAX_PROMPTS) {
    throw invalidRequest(`Invalid '${param}': more than ${MAX_PROMPTS} prompts.`, param, "array_above_max_length");
  }
  return found.map((prompt: unknown, i) => {
    if (typeof prompt === "string") return prompt;
    if (Array.isArray(prompt)) return tokenIds(prompt, `${param}[${i}]`);
    throw wrongType(`${param}[${i}]`, "a string or an array of token ids", prompt);
  });
}

function tokenIds(found: readonly unknown[], param: string): Int32Array {
  const ids = new Int32Array(found.length);
  for (let i = 0; i < found.length; i++) {
    const id = found[i];
    if (typeof id !== "number" || !Number.isInteger(id)) throw wrongType(`${param}[${i}]`, "a token id", id);
    if (id < 0 || id > 0x7f_ff_ff_ff) {
      throw invalidRequest(`Invalid '${param}[${i}]': token id ${id} is out of vocabulary.`, `${param}[${i}]`);
    }
    ids[i] = id;
  }
  return ids;
}
