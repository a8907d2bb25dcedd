import type { FastifyInstance, FastifyRequest } from "fastify";
import { invalidRequest, OpenAiError } from "#mocker/protocol";
import { HandoffError } from "../../core/errors.ts";
import type { HandoffSource } from "../../types.ts";
import { contextOf } from "../context.ts";

type WithId = { Params: { id: string }; Querystring: { timeout_ms?: string } };

/** The prefill side of a hand-off, as decode workers ask for it. */
export function kvTransferRoutes(app: FastifyInstance): void {
  app.get<WithId>("/kv_transfer/:id", async (request, reply) => {
    const gone = new AbortController();
    const onClose = () => gone.abort();
    reply.raw.once("close", onClose);
    try {
      const timeoutMs = timeoutOf(request.query.timeout_ms);
      const options = { signal: gone.signal, ...(timeoutMs === undefined ? {} : { timeoutMs }) };
      return await handoffOf(request).wait(request.params.id, options);
    } catch (error) {
      throw error instanceof HandoffError ? handoffProblem(error, request.params.id) : error;
    } finally {
      reply.raw.off("close", onClose);
    }
  });

  // When the transfer ended, Unix seconds: the blocks count as free from then on.
  app.post<WithId & { Body: { at?: unknown } | undefined }>("/kv_transfer/:id/release", (request) => {
    const { clock } = contextOf(request);
    const at = request.body?.at;
    const released =
      typeof at === "number" && Number.isFinite(at)
        ? handoffOf(request).release(request.params.id, clock.fromUnixMs(at * 1000))
        : handoffOf(request).release(request.params.id);
    if (!released) throw notHeld(request.params.id);
    return { released };
  });

  app.delete<WithId>("/kv_transfer/:id", (request) => {
    if (!handoffOf(request).abort(request.params.id)) throw notHeld(request.params.id);
    return { aborted: true };
  });
}

function handoffOf(request: FastifyRequest): HandoffSource {
  const { worker } = contextOf(request).running;
  if (worker.handoff !== null) return worker.handoff;
  throw invalidRequest(`This is a worker of role ${worker.settings.engine.role}: only prefill workers hold blocks.`);
}

function timeoutOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const timeoutMs = Number(text);
  if (!Number.isFinite(timeoutMs) || timeoutMs < 0 || text === "") {
    throw invalidRequest("Invalid 'timeout_ms': expected a number of 0 or more.", "timeout_ms");
  }
  return timeoutMs;
}

function handoffProblem(error: HandoffError, id: string): OpenAiError {
  if (error.kind === "unknown") return notHeld(id);
  return new OpenAiError({
    status: 410,
    type: "invalid_request_error",
    message: error.message,
    code: "kv_transfer_failed",
  });
}

function notHeld(id: string): OpenAiError {
  return new OpenAiError({
    status: 404,
    type: "invalid_request_error",
    message: `No blocks are held for request ${JSON.stringify(id.slice(0, 100))}.`,
    code: "kv_transfer_unknown",
  });
}
