import type { FastifyReply, FastifyRequest } from "fastify";
import { HEADERS, invalidRequest, OpenAiError, serverError } from "#mocker/protocol";
import { sequenceHashes } from "#mocker/text";
import { type RequestEnd, RequestTrack } from "../metrics/request-track.ts";
import type { StreamEnd } from "../proxy/token-scan.ts";
import { workerFailed } from "../refusals.ts";
import { clientGone, isClientGone, type Served, usageIn } from "../serving/dispatcher.ts";
import type { Job } from "../serving/job.ts";
import type { ClientSink } from "./client-sink.ts";
import type { FrontendContext } from "./context.ts";
import { workerHeaders } from "./headers.ts";
import { type GenerationEndpoint, readQuestion } from "./question.ts";
import { routingHints } from "./routing-hints.ts";

let keys = 0;

/** `POST /v1/chat/completions`, `/v1/completions` and `/v1/responses`: checked, routed, relayed. */
export async function generate(
  context: FrontendContext,
  endpoint: GenerationEndpoint,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<void> {
  const { raw } = reply;
  const { arrivalMs } = request;
  // Errors until here are fastify's to answer; from here on the response is ours.
  const question = readQuestion(endpoint, request.body as Buffer | undefined);
  reply.hijack();
  const gone = new AbortController();
  raw.once("close", () => {
    if (!raw.writableFinished) gone.abort(clientGone());
  });
  const sink = question.sink(raw, request.id, () => context.draining);
  const { parsed, json, body, path } = question;
  context.inFlight.begin();
  try {
    const model = await modelOf(context, parsed.model, gone.signal);
    const prompts = tokenized(context, () => question.tokens(context.tokenizer));
    const isl = prompts.reduce((sum, prompt) => sum + prompt.length, 0);
    const tracked = {
      requestId: request.id,
      model,
      endpoint,
      streams: parsed.stream,
      isl,
      osl: parsed.maxTokens,
      arrivalMs,
    };
    const track = new RequestTrack(tracked, context.metrics, context.events, context.clock, context.sla);
    sink.track = track;
    const job: Job = {
      id: request.id,
      key: keys++,
      endpoint,
      path,
      model,
      body,
      has: (member) => Object.hasOwn(json, member),
      streams: parsed.stream,
      isl,
      longestPrompt: prompts.reduce((longest, prompt) => Math.max(longest, prompt.length), 0),
      osl: parsed.maxTokens,
      routing: routingHints(request.headers, json),
      blocks: blockNames(context, prompts[0]!),
      headers: workerHeaders(request.headers, request.id, arrivalMs, context.clock, context.workerHeaders),
      signal: gone.signal,
      sink,
      track,
    };
    await serve(context, job, sink);
  } catch (error) {
    const refusal = errorOf(error);
    if (!isClientGone(error)) context.metrics.refused(endpoint, refusal.status);
    sink.fail(refusal);
  } finally {
    context.inFlight.end();
  }
}

/** From the waiting room to the last byte; whatever happens is told to the client and counted. */
async function serve(context: FrontendContext, job: Job, sink: ClientSink): Promise<void> {
  const { track } = job;
  try {
    await context.inFlight.enter(job.signal);
    let served: Served;
    try {
      served = await context.dispatcher.serve(job);
    } finally {
      context.inFlight.leave();
    }
    deliver(served, job, sink);
  } catch (error) {
    if (isClientGone(error)) {
      track.cancelled();
      return;
    }
    const refusal = errorOf(error);
    track.failed(refusal.status, refusal.message);
    sink.fail(refusal);
  }
}

function deliver(served: Served, { track, isl }: Job, sink: ClientSink): void {
  switch (served.kind) {
    case "streamed": {
      const { rest, end, headers } = served;
      if (!end.done && end.error === null) throw workerFailed(502, "The worker's stream broke off.");
      if (end.error === null) {
        sink.finish(headers, rest);
        track.finished(endOf(end.usage, null, Number(headers[HEADERS.cachedTokens])));
      } else {
        sink.finishWithError(headers, rest, end.error);
        track.failed(500, end.error);
      }
      break;
    }
    case "answer": {
      const { answer } = served;
      sink.answer(answer);
      if (answer.status === 200) track.finished(endOf(usageIn(answer.body), isl, 0));
      else track.failed(answer.status, answer.body.toString("utf8").slice(0, 500));
      break;
    }
    case "broken":
      throw workerFailed(502, served.message);
  }
}

function endOf(usage: StreamEnd["usage"], isl: number | null, cachedTokens: number): RequestEnd {
  const cached = usage?.cachedTokens ?? (Number.isSafeInteger(cachedTokens) ? cachedTokens : 0);
  return { isl: usage?.promptTokens ?? isl, osl: usage?.completionTokens ?? null, cachedTokens: cached };
}

/** The model that is asked for; where none is, the first there is. @throws OpenAiError 400 or 404 */
export async function modelOf(context: FrontendContext, asked: string | null, signal: AbortSignal): Promise<string> {
  const name = asked ?? context.fleet.models()[0]?.name;
  if (name === undefined) throw invalidRequest("You must provide a model parameter.", "model");
  await context.dispatcher.pools(name, signal);
  return name;
}

export function errorOf(error: unknown): OpenAiError {
  return error instanceof OpenAiError ? error : serverError();
}

export function tokenized<T>({ metrics }: FrontendContext, tokenize: () => T): T {
  const from = performance.now();
  const result = tokenize();
  metrics.tokenized(performance.now() - from);
  return result;
}

/** Hashes are made where a router asks for them, once per block size. */
function blockNames({ namesBlocks }: FrontendContext, prompt: Int32Array): (blockSize: number) => ArrayLike<bigint> {
  if (!namesBlocks) return () => NO_BLOCKS;
  let size = 0;
  let names: ArrayLike<bigint> = NO_BLOCKS;
  return (blockSize) => {
    if (blockSize !== size && blockSize > 0) {
      size = blockSize;
      names = sequenceHashes(prompt, blockSize);
    }
    return names;
  };
}

const NO_BLOCKS: ArrayLike<bigint> = new BigUint64Array(0);
