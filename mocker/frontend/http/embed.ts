import type { FastifyReply, FastifyRequest } from "fastify";
import { embeddingsBody, mockEmbedding, parseEmbeddingsRequest, promptTokens } from "#mocker/protocol";
import type { FrontendContext } from "./context.ts";
import { modelOf, tokenized } from "./generate.ts";
import { jsonObject } from "./question.ts";

/** Dimensions where a client asks for none: those of many small embedding models. */
const DEFAULT_DIMENSIONS = 1024;

/**
 * `POST /v1/embeddings`: unit vectors made up from the tokens, equal for equal texts. No engine is asked: mock models have
 * no embeddings of their own, and embedding models no part in what is rehearsed here.
 */
export async function embed(context: FrontendContext, request: FastifyRequest, reply: FastifyReply) {
  const asked = parseEmbeddingsRequest(jsonObject(request.body as Buffer | undefined));
  const gone = new AbortController();
  reply.raw.once("close", () => gone.abort());
  const model = await modelOf(context, asked.model, gone.signal);
  const inputs = tokenized(context, () => asked.inputs.map((input) => promptTokens(input, context.tokenizer, "input")));
  const isl = inputs.reduce((sum, tokens) => sum + tokens.length, 0);
  const vectors = inputs.map((tokens) => mockEmbedding(tokens, asked.dimensions ?? DEFAULT_DIMENSIONS));
  // They are no traffic that a planner would scale for, so they have no events, and one count.
  context.metrics.requests.labels(model, "embeddings", "unary", "success", "").inc();
  return embeddingsBody(model, vectors, asked.encoding, isl);
}
