import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import {
  invalidJson,
  invalidRequest,
  methodNotAllowed,
  OpenAiError,
  requestTimeout,
  requestTooLarge,
  serverError,
  unknownUrl,
  unsupportedMediaType,
} from "./errors.ts";
import { HEADERS } from "./types.ts";

const METHODS = ["GET", "POST", "DELETE"] as const;

/** What fastify refuses before any hook runs, a malformed URL for one: its option `frameworkErrors`. */
export function answerFrameworkError(error: Error, request: FastifyRequest, reply: FastifyReply): void {
  sendError(reply, asOpenAiError(error, request.headers["content-type"], 0));
}

/**
 * Makes an application answer every error in OpenAI's shape: thrown by handlers, fastify's own, unknown URLs and methods.
 * @param refused is told of each
 */
export function answerErrors(
  app: FastifyInstance,
  bodyLimitBytes: number,
  refused: (request: FastifyRequest, error: OpenAiError) => void = () => {},
): void {
  const answer = (request: FastifyRequest, reply: FastifyReply, error: OpenAiError) => {
    refused(request, error);
    sendError(reply, error);
  };
  app.setErrorHandler((error: Error, request, reply) => {
    const known = asOpenAiError(error, request.headers["content-type"], bodyLimitBytes);
    if (known.status >= 500 && !(error instanceof OpenAiError)) request.log.error(error);
    answer(request, reply, known);
  });
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split("?")[0]!;
    const allowed = METHODS.filter((method) => app.findRoute({ method, url: path }) !== null);
    const isWrongMethod = allowed.length > 0 && !allowed.includes(request.method as (typeof METHODS)[number]);
    answer(
      request,
      reply,
      isWrongMethod ? methodNotAllowed(request.method, allowed) : unknownUrl(request.method, path),
    );
  });
}

function sendError(reply: FastifyReply, error: OpenAiError): void {
  reply.code(error.status).headers(error.headers).header(HEADERS.requestId, reply.request.id).send(error.body());
}

function asOpenAiError(error: Error, contentType: string | undefined, bodyLimitBytes: number): OpenAiError {
  if (error instanceof OpenAiError) return error;
  const { code, statusCode = 500 } = error as { code?: string; statusCode?: number };
  switch (code) {
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
  if (statusCode === 408) return requestTimeout();
  // JSON may be nested deeper than what walks it can follow.
  if (error instanceof RangeError && error.message.includes("call stack")) {
    return invalidRequest("The request's body is nested too deeply.");
  }
  if (error instanceof SyntaxError) return invalidJson("it is not JSON.");
  return statusCode >= 400 && statusCode < 500 ? invalidRequest(error.message) : serverError();
}
