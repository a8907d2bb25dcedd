import type { FastifyReply, FastifyRequest } from "fastify";
import {
  chatPromptTokens,
  type GenerationRequest,
  invalidJson,
  invalidRequest,
  OpenAiError,
  parseChatRequest,
  parseCompletionRequest,
  promptTokens,
  serverError,
} from "#mocker/protocol";
import { sequenceHashes, type Tokenizer } from "#mocker/text";
import type { EndpointName } from "../metrics/metrics.ts";
import { type RequestEnd, RequestTrack } from "../metrics/request-track.ts";
import type { StreamEnd } from "../proxy/token-scan.ts";
import { workerFailed } from "../refusals.ts";
import { clientGone, isClientGone, type Served, usageIn } from "../serving/dispatcher.ts";
import type { Job } from "../serving/job.ts";
import { ClientSink } from "./client-sink.ts";
import type { FrontendContext } from "./context.ts";
import { workerHeaders } from "./headers.ts";

type GenerationEndpoint = Extract<EndpointName, "chat_completions" | "completions">;

const PATHS: Readonly<Record<GenerationEndpoint, string>> = {
  chat_completions: "/v1/chat/completions",
  completions: "/v1/completions",
};

let keys = 0;

/** `POST /v1/chat/completions` and `/v1/completions`: checked, routed, relayed. */
export async function generate(
  context: FrontendContext,
  endpoint: GenerationEndpoint,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<void> {
  const { raw } = reply;
  const { arrivalMs } = request;
  const body = request.body as Buffer;
  // Errors until here are fastify's to answer; from here on the response is ours.
  const json = jsonObject(body);
  const { parsed, tokens } = read(endpoint, json);
  reply.hijack();
  const gone = new AbortController();
  raw.once("close", () => {
    if (!raw.writableFinished) gone.abort(clientGone());
  });
  const sink = new ClientSink(raw, request.id, () => context.draining);
  context.inFlight.begin();
  try {
    const model = await modelOf(context, parsed.model, gone.signal);
    const prompts = timed(context, () => tokens(context.tokenizer));
    const isl = prompts.reduce((sum, prompt) => sum + prompt.length, 0);
    const track = new RequestTrack(
      {
        requestId: request.id,
        model,
        endpoint,
        streams: parsed.stream,
        isl,
        osl: parsed.maxTokens,
        arrivalMs,
      },
      context.metrics,
      context.events,
      context.clock,
      context.sla,
    );
    sink.track = track;
    const job: Job = {
      id: request.id,
      key: keys++,
      endpoint,
      path: PATHS[endpoint],
      model,
      body: parsed.kvTransfer === null ? body : withoutKvTransfer(json),
      has: (member) => Object.hasOwn(json, member),
      streams: parsed.stream,
      isl,
      longestPrompt: prompts.reduce((longest, prompt) => Math.max(longest, prompt.length), 0),
      osl: parsed.maxTokens,
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
      const { rest, end } = served;
      if (!end.done && end.error === null) throw workerFailed(502, "The worker's stream broke off.");
      if (!sink.stream.opened) sink.open({}, []);
      sink.stream.end(rest);
      if (end.error === null) track.finished(endOf(end.usage, null));
      else track.failed(500, end.error);
      break;
    }
    case "answer": {
      const { answer } = served;
      sink.answer(answer);
      if (answer.status === 200) track.finished(endOf(usageIn(answer.body), isl));
      else track.failed(answer.status, answer.body.toString("utf8").slice(0, 500));
      break;
    }
    case "broken":
      throw workerFailed(502, served.message);
  }
}

function endOf(usage: StreamEnd["usage"], isl: number | null): RequestEnd {
  const { promptTokens = isl, completionTokens = null, cachedTokens = 0 } = usage ?? {};
  return { isl: promptTokens, osl: completionTokens, cachedTokens };
}

type Read = { parsed: GenerationRequest; tokens: (tokenizer: Tokenizer) => Int32Array[] };

function read(endpoint: GenerationEndpoint, json: object): Read {
  if (endpoint === "chat_completions") {
    const chat = parseChatRequest(json);
    return { parsed: chat, tokens: (tokenizer) => [chatPromptTokens(chat, tokenizer)] };
  }
  const completion = parseCompletionRequest(json);
  return {
    parsed: completion,
    tokens: (tokenizer) => completion.prompts.map((prompt) => promptTokens(prompt, tokenizer, "prompt")),
  };
}

/** The model that is asked for; where none is, the first there is. */
export async function modelOf(context: FrontendContext, asked: string | null, signal: AbortSignal): Promise<string> {
  const name = asked ?? context.fleet.models()[0]?.name;
  if (name === undefined) throw invalidRequest("You must provide a model parameter.", "model");
  await context.dispatcher.pools(name, signal);
  return name;
}

/** @throws OpenAiError 400 */
export function jsonObject(body: Buffer | undefined): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(body?.toString("utf8") ?? "");
  } catch (error) {
    throw invalidJson((error as Error).message);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw invalidJson("it is no object");
  return value as Record<string, unknown>;
}

/** Where blocks come from is between the frontend and its workers: a client that names an address does not get it asked. */
function withoutKvTransfer({ kv_transfer_params: _, ...json }: Record<string, unknown>): Buffer {
  return Buffer.from(JSON.stringify(json));
}

export function errorOf(error: unknown): OpenAiError {
  return error instanceof OpenAiError ? error : serverError();
}

function timed<T>({ metrics }: FrontendContext, tokenize: () => T): T {
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
