import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import {
  type ApiKeys,
  type ChatRequest,
  type CompletionRequest,
  chatPromptTokens,
  contextLengthExceeded,
  HEADERS,
  invalidRequest,
  OpenAiError,
  parseChatRequest,
  parseCompletionRequest,
  promptTokens,
  serviceUnavailable,
  tooManyRequests,
} from "#mocker/protocol";
import { StreamWriter } from "../../core/stream-writer.ts";
import { arrivalMs } from "../arrival.ts";
import { contextOf, type WorkerContext } from "../context.ts";
import type { HeadSweep } from "../generation/head-sweep.ts";
import { planChoice } from "../generation/plan.ts";
import { Sequence } from "../generation/sequence.ts";
import { StreamAnswer } from "../generation/stream-answer.ts";
import { WholeAnswer } from "../generation/whole-answer.ts";
import { requireModel } from "./models.ts";

/** Sequences of one request: prompts × choices. */
const MOST_SEQUENCES = 2048;
/** Tokens of one request that are looked through for stop strings or made into JSON, before the first goes out. */
const MOST_PLANNED_TOKENS = 2 ** 18;

/** `POST /v1/chat/completions` and `/v1/completions`. */
export function generationRoutes(app: FastifyInstance, keys: ApiKeys, heads: HeadSweep): void {
  app.post("/v1/chat/completions", (request, reply) => {
    keys.check(request.headers.authorization);
    return answer(request, reply, heads, parseChatRequest(request.body));
  });
  app.post("/v1/completions", (request, reply) => {
    keys.check(request.headers.authorization);
    return answer(request, reply, heads, parseCompletionRequest(request.body));
  });
}

async function answer(
  request: FastifyRequest,
  reply: FastifyReply,
  heads: HeadSweep,
  asked: ChatRequest | CompletionRequest,
): Promise<unknown> {
  const context = contextOf(request);
  const { worker } = context.running;
  const arrival = arrivalMs(request);
  const model = requireModel(context, asked.model);
  if (worker.state !== "ready") throw serviceUnavailable(`The worker is ${worker.state}.`, 1);
  const { maxWaiting } = context.options;
  if (maxWaiting !== null && context.waiting >= maxWaiting) {
    throw tooManyRequests(`${context.waiting} requests wait already, the limit is ${maxWaiting}.`, 1);
  }
  const requestId = request.id;
  const prompts = promptsOf(asked, context);
  const answered = forRole(asked, context);
  const sequences = sequencesOf(answered, prompts, request, arrival, requestId);
  const identity = {
    id: `${asked.kind === "chat" ? "chatcmpl" : "cmpl"}-${requestId}`,
    created: Math.floor(Date.now() / 1000),
    model,
  };
  const echoes = echoesOf(answered, prompts, context);
  const travels = answered.kvTransfer?.do_remote_prefill === true;
  context.metrics.request(0, answered.n, sequences.longest);

  if (answered.stream) {
    const writer = new StreamWriter(reply.raw, {
      limitBytes: context.options.streamLimitBytes,
      onClosed: () => stream.abort(),
    });
    const stream = new StreamAnswer(context, identity, answered, requestId, writer, heads);
    const own = sequences.for(stream);
    // From here on the answer is the stream's, and so is what goes wrong.
    reply.hijack();
    stream.start(own, travels, echoes);
    return reply;
  }
  const whole = new WholeAnswer(context, identity, answered);
  const onClose = () => whole.abort();
  reply.raw.once("close", onClose);
  reply.header(HEADERS.requestId, requestId).header(HEADERS.workerId, context.running.id);
  whole.start(sequences.for(whole), travels, echoes);
  return await whole.body;
}

function promptsOf(asked: ChatRequest | CompletionRequest, context: WorkerContext): Int32Array[] {
  const { tokenizer } = context.running.worker.settings;
  if (asked.kind === "chat") return [chatPromptTokens(asked, tokenizer)];
  return asked.prompts.map((prompt) => promptTokens(prompt, tokenizer, "prompt"));
}

/** A prefill worker says one token, whatever it is asked for. */
function forRole<R extends ChatRequest | CompletionRequest>(asked: R, context: WorkerContext): R {
  if (context.running.worker.settings.engine.role !== "prefill") return asked;
  return { ...asked, maxTokens: 1, minTokens: 0, n: 1 };
}

/** @throws OpenAiError 400 for what can never be served */
function sequencesOf(
  asked: ChatRequest | CompletionRequest,
  prompts: readonly Int32Array[],
  request: FastifyRequest,
  arrival: number,
  requestId: string,
) {
  const context = contextOf(request);
  if (prompts.length * asked.n > MOST_SEQUENCES) {
    throw invalidRequest(`Invalid 'n': ${prompts.length} prompts × ${asked.n} choices exceed ${MOST_SEQUENCES}.`, "n");
  }
  if (asked.kvTransfer?.do_remote_decode === true && prompts.length > 1) {
    throw invalidRequest("A prompt whose blocks are to travel must be alone in its request.", "prompt");
  }
  const rank = rankOf(request, context);
  const room = prompts.map((prompt) => roomFor(context, asked, prompt));
  const longest = Math.max(
    ...room.map((left) => Math.min(left, asked.maxTokens ?? context.options.defaultOutputTokens)),
  );
  if (isPlannedWhole(asked) && longest * prompts.length * asked.n > MOST_PLANNED_TOKENS) {
    throw invalidRequest(
      `With stop strings, tools or a response format, a request may have ${MOST_PLANNED_TOKENS} output tokens in all.`,
      "max_tokens",
    );
  }
  return {
    longest,
    for: (owner: StreamAnswer | WholeAnswer): Sequence[] =>
      prompts.flatMap((prompt, p) =>
        Array.from({ length: asked.n }, (_, choice) => {
          const index = p * asked.n + choice;
          return new Sequence(context, owner, {
            index,
            promptTokens: prompt,
            plan: planChoice(context, asked, {
              promptTokens: prompt,
              requestId,
              choice,
              roomTokens: room[p]!,
            }),
            requestId: index === 0 ? requestId : `${requestId}-${index}`,
            arrivalMs: arrival,
            dpRank: rank ?? context.nextRank++ % context.running.worker.settings.dpSize,
            maxTokens: asked.maxTokens,
            // What came for the first choice is in the cache for the others.
            kvTransfer: index === 0 ? asked.kvTransfer : null,
          });
        }),
      ),
  };
}

function isPlannedWhole(asked: ChatRequest | CompletionRequest): boolean {
  const stops = asked.stop.length + asked.stopTokenIds.length > 0;
  return stops || asked.format.type !== "text" || (asked.kind === "chat" && asked.tools.length > 0);
}

/** Tokens that an answer to this prompt may have. @throws OpenAiError 400 where the prompt or what is asked is too long */
function roomFor(context: WorkerContext, asked: ChatRequest | CompletionRequest, prompt: Int32Array): number {
  const { worker } = context.running;
  const { maxModelLen } = worker.settings.engine;
  const param = asked.kind === "chat" ? "messages" : "prompt";
  const output = Math.max(1, asked.maxTokens ?? asked.minTokens);
  if (maxModelLen !== null && prompt.length + output > maxModelLen) {
    throw contextLengthExceeded(maxModelLen, prompt.length, asked.maxTokens ?? 0, param);
  }
  const reason = worker.neverFits(prompt.length, output);
  if (reason !== null) {
    throw new OpenAiError({
      status: 400,
      type: "invalid_request_error",
      message: `The request can never be served: ${reason}.`,
      param,
      code: "context_length_exceeded",
    });
  }
  const { numGpuBlocks, blockSize } = worker.settings.engine;
  // The last token is said without being computed.
  return Math.min(numGpuBlocks * blockSize + 1, maxModelLen ?? Number.POSITIVE_INFINITY) - prompt.length;
}

function rankOf(request: FastifyRequest, context: WorkerContext): number | null {
  const header = request.headers[HEADERS.dataParallelRank];
  if (header === undefined) return null;
  const { dpSize } = context.running.worker.settings;
  const rank = Number(header);
  if (!Number.isInteger(rank) || rank < 0 || rank >= dpSize) {
    throw invalidRequest(`dp_rank ${String(header).slice(0, 20)} is out of bounds for dp_size ${dpSize}`);
  }
  return rank;
}

function echoesOf(
  asked: ChatRequest | CompletionRequest,
  prompts: readonly Int32Array[],
  context: WorkerContext,
): string[] {
  if (asked.kind === "chat" || !asked.echo) return [];
  const { tokenizer } = context.running.worker.settings;
  return asked.prompts.flatMap((prompt, p) => {
    const text = typeof prompt === "string" ? prompt : tokenizer.decode(prompts[p]!);
    return Array.from({ length: asked.n }, () => text);
  });
}
