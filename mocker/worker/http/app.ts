import { createServer } from "node:http";
import fastify, { type FastifyError, type FastifyInstance, type FastifyReply, LogController } from "fastify";
import {
  HEADERS,
  invalidJson,
  invalidRequest,
  methodNotAllowed,
  OpenAiError,
  requestTimeout,
  requestTooLarge,
  serverError,
  unknownUrl,
  unsupportedMediaType,
} from "#mocker/protocol";
import type { RunningWorker, WorkerHttpAppFactory } from "../core/host-types.ts";
import { ApiKeys } from "./auth.ts";
import { markRequest, type WorkerContext, workerContext } from "./context.ts";
import { HeadSweep } from "./generation/head-sweep.ts";
import { resolveHttpOptions, type WorkerHttpOptions } from "./options.ts";
import { requestIdOf } from "./request-id.ts";
import { generationRoutes } from "./routes/generation.ts";
import { kvTransferRoutes } from "./routes/kv-transfer.ts";
import { modelRoutes } from "./routes/models.ts";
import { operationRoutes } from "./routes/operations.ts";
import { tokenizeRoutes } from "./routes/tokenize.ts";

const METHODS = ["GET", "POST", "DELETE"] as const;

/** The HTTP surface of all workers of a process: one application, whose requests say which worker they came to. */
export function workerHttpApp(options: WorkerHttpOptions = {}): WorkerHttpAppFactory {
  const resolved = resolveHttpOptions(options);
  return async ({ clock }) => {
    const contexts = new Map<RunningWorker, WorkerContext>();
    const heads = new HeadSweep(resolved.headAfterMs);
    const app = application(resolved.bodyLimitBytes, resolved.logLevel);
    const keys = new ApiKeys(resolved.apiKeys);
    operationRoutes(app, keys);
    kvTransferRoutes(app);
    modelRoutes(app, keys);
    tokenizeRoutes(app, keys);
    generationRoutes(app, keys, heads);
    await app.ready();
    return {
      async attach(running) {
        const context = workerContext(running, clock, resolved);
        contexts.set(running, context);
        await context.publish((error) => app.log.error(error));
      },
      detach(running) {
        contexts.get(running)?.close();
        contexts.delete(running);
      },
      handle(running, request, response) {
        const context = contexts.get(running);
        if (context === undefined) {
          response.destroy();
          return;
        }
        markRequest(request, context);
        app.routing(request, response);
      },
      async close() {
        heads.close();
        for (const context of contexts.values()) context.close();
        contexts.clear();
        await app.close();
      },
    };
  };
}

/** A fastify application that answers every error in OpenAI's shape; its own server never listens. */
function application(bodyLimitBytes: number, logLevel: string): FastifyInstance {
  const app = fastify({
    bodyLimit: bodyLimitBytes,
    logController: new LogController({ disableRequestLogging: true }),
    logger: { level: logLevel, stream: process.stderr },
    requestIdHeader: false,
    genReqId: ({ headers }) => requestIdOf(headers),
    exposeHeadRoutes: false,
    serverFactory: (handler) => createServer(handler),
    frameworkErrors: (error, request, reply) => {
      const known = asOpenAiError(error, request.headers["content-type"], bodyLimitBytes);
      sendError(reply as unknown as FastifyReply, known);
    },
  });
  // Of JSON alone; the parser of plain text would let bodies through that nobody reads.
  app.removeContentTypeParser("text/plain");
  app.setErrorHandler((error: FastifyError, request, reply) => {
    const known = asOpenAiError(error, request.headers["content-type"], bodyLimitBytes);
    if (known.status >= 500 && !(error instanceof OpenAiError)) request.log.error(error);
    sendError(reply, known);
  });
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split("?")[0]!;
    const allowed = METHODS.filter((method) => app.findRoute({ method, url: path }) !== null);
    const known =
      allowed.length > 0 && !allowed.includes(request.method as (typeof METHODS)[number])
        ? methodNotAllowed(request.method, allowed)
        : unknownUrl(request.method, path);
    sendError(reply, known);
  });
  return app;
}

function sendError(reply: FastifyReply, error: OpenAiError): void {
  reply.code(error.status).headers(error.headers).header(HEADERS.requestId, reply.request.id).send(error.body());
}

function asOpenAiError(
  error: FastifyError | OpenAiError,
  contentType: string | undefined,
  bodyLimitBytes: number,
): OpenAiError {
  if (error instanceof OpenAiError) return error;
  switch (error.code) {
    case "FST_ERR_CTP_BODY_TOO_LARGE":
      return requestTooLarge(bodyLimitBytes);
    case "FST_ERR_CTP_INVALID_MEDIA_TYPE":
      return unsupportedMediaType(contentType ?? "");
    case "FST_ERR_CTP_EMPTY_JSON_BODY":
      return invalidJson("it is empty.");
    case "FST_ERR_CTP_INVALID_JSON_BODY":
      return invalidJson("it is not JSON.");
    case "FST_ERR_CTP_INVALID_CONTENT_LENGTH":
    case "ECONNRESET":
      return invalidRequest("The request's body is not as long as its head says.");
    case "ERR_HTTP_REQUEST_TIMEOUT":
      return requestTimeout();
  }
  // JSON may be nested deeper than what walks it can follow.
  if (error instanceof RangeError && error.message.includes("call stack")) {
    return invalidRequest("The request's body is nested too deeply.");
  }
  if (error instanceof SyntaxError) return invalidJson("it is not JSON.");
  const status = error.statusCode ?? 500;
  return status >= 400 && status < 500 ? invalidRequest(error.message) : serverError();
}
