import type { FastifyInstance } from "fastify";
import { type ApiKeys, chatPromptTokens, invalidRequest, parseChatRequest, promptTokens } from "#mocker/protocol";
import { contextOf } from "../context.ts";
import { requireModel } from "./models.ts";

/** vLLM's `/tokenize` and `/detokenize`. */
export function tokenizeRoutes(app: FastifyInstance, keys: ApiKeys): void {
  app.post("/tokenize", (request) => {
    keys.check(request.headers.authorization);
    const context = contextOf(request);
    const { tokenizer, engine } = context.running.worker.settings;
    const body = bodyObject(request.body);
    requireModel(context, modelOf(body));
    const tokens = Array.isArray(body.messages)
      ? chatPromptTokens(parseChatRequest(body), tokenizer)
      : tokenizer.encode(promptOf(body));
    return {
      count: tokens.length,
      max_model_len: engine.maxModelLen ?? engine.numGpuBlocks * engine.blockSize,
      tokens: [...tokens],
      token_strs: body.return_token_strs === true ? Array.from(tokens, (id) => tokenizer.decode([id])) : null,
    };
  });

  app.post("/detokenize", (request) => {
    keys.check(request.headers.authorization);
    const context = contextOf(request);
    const { tokenizer } = context.running.worker.settings;
    const body = bodyObject(request.body);
    requireModel(context, modelOf(body));
    const { tokens } = body;
    if (!Array.isArray(tokens) || !tokens.every((id) => Number.isInteger(id) && id >= 0 && id <= 0x7f_ff_ff_ff)) {
      throw invalidRequest("Invalid 'tokens': expected an array of token ids.", "tokens", "invalid_type");
    }
    if (tokens.length === 0) return { prompt: "" };
    return { prompt: tokenizer.decode(promptTokens(Int32Array.from(tokens as number[]), tokenizer, "prompt")) };
  });
}

function bodyObject(body: unknown): Record<string, unknown> {
  if (typeof body === "object" && body !== null && !Array.isArray(body)) return body as Record<string, unknown>;
  throw invalidRequest("The request's body must be a JSON object.");
}

function modelOf(body: Record<string, unknown>): string | null {
  const { model } = body;
  if (model === undefined || model === null) return null;
  if (typeof model !== "string") throw invalidRequest("Invalid 'model': expected a string.", "model", "invalid_type");
  return model;
}

function promptOf(body: Record<string, unknown>): string {
  if (typeof body.prompt === "string") return body.prompt;
  throw invalidRequest("Missing required parameter: 'prompt'.", "prompt", "missing_required_parameter");
}
