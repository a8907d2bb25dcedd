import { APIError, OpenAI } from "openai";
import { describe, expect, it } from "vitest";
import {
  contextLengthExceeded,
  invalidApiKey,
  invalidJson,
  invalidRequest,
  methodNotAllowed,
  modelNotFound,
  type OpenAiError,
  requestTimeout,
  requestTooLarge,
  serverError,
  serviceUnavailable,
  tooManyRequests,
  unknownUrl,
  unsupportedMediaType,
} from "#mocker/protocol";

/** What the openai package makes of a response. */
async function seenByClient(respond: () => Response): Promise<APIError> {
  const client = new OpenAI({ apiKey: "k", baseURL: "http://test/v1", maxRetries: 0, fetch: async () => respond() });
  const messages = [{ role: "user" as const, content: "x" }];
  const error: unknown = await client.chat.completions.create({ model: "m", messages, stream: true }).then(
    async (stream) => {
      try {
        for await (const _ of stream);
      } catch (failure) {
        return failure;
      }
      return null;
    },
    (failure: unknown) => failure,
  );
  expect(error).toBeInstanceOf(APIError);
  return error as APIError;
}

const asResponse = (error: OpenAiError): Response =>
  new Response(JSON.stringify(error.body()), {
    status: error.status,
    headers: { "content-type": "application/json", ...error.headers },
  });

describe("errors", () => {
  it.each([
    [invalidRequest("no", "stop", "invalid_type"), "BadRequestError", "invalid_type"],
    [invalidJson("Unexpected token"), "BadRequestError", "invalid_json"],
    [contextLengthExceeded(100, 90, 20, "messages"), "BadRequestError", "context_length_exceeded"],
    [invalidApiKey("missing"), "AuthenticationError", "invalid_api_key"],
    [invalidApiKey("wrong"), "AuthenticationError", "invalid_api_key"],
    [modelNotFound("x"), "NotFoundError", "model_not_found"],
    [unknownUrl("GET", "/v2"), "NotFoundError", "unknown_url"],
    [methodNotAllowed("GET", ["POST"]), "APIError", "method_not_supported"],
    [requestTimeout(), "APIError", "request_timeout"],
    [requestTooLarge(10), "APIError", "request_too_large"],
    [unsupportedMediaType("text/plain"), "APIError", "unsupported_media_type"],
    [tooManyRequests("busy", 1.2), "RateLimitError", "rate_limit_exceeded"],
    [serverError(), "InternalServerError", "internal_error"],
    [serviceUnavailable("no worker", 3), "InternalServerError", "service_unavailable"],
  ])("are what the openai package takes them for: %o", async (error, name, code) => {
    const seen = await seenByClient(() => asResponse(error));
    expect(seen.constructor.name).toBe(name);
    expect(seen).toMatchObject({ status: error.status, code, type: error.type });
    expect(seen.message).toContain(error.message);
  });

  it("end a stream that has begun as an error of the client's", async () => {
    const error = serviceUnavailable("the worker has died: ü");
    const seen = await seenByClient(
      () => new Response(error.event(), { headers: { "content-type": "text/event-stream" } }),
    );
    expect(seen).toMatchObject({ code: "service_unavailable", type: "server_error" });
    expect(seen.message).toContain("the worker has died: ü");
    expect(error.event()).toMatch(/^data: [ -~]*\n\n$/);
  });

  it("say when to come again, in whole seconds", () => {
    expect(tooManyRequests("busy", 1.2).headers).toEqual({ "retry-after": "2" });
    expect(tooManyRequests("busy", 0).headers).toEqual({ "retry-after": "1" });
    expect(serviceUnavailable("none").headers).toEqual({});
  });

  it("tell a context's length, and what was asked of it", () => {
    expect(contextLengthExceeded(100, 90, 20, "messages").message).toBe(
      "This model's maximum context length is 100 tokens. However, you requested 110 tokens (90 in the messages, 20 in the completion). Please reduce the length of the messages or completion.",
    );
    expect(contextLengthExceeded(100, 120, 0, "prompt")).toMatchObject({
      message:
        "This model's maximum context length is 100 tokens. However, your prompt resulted in 120 tokens. Please reduce the length of the prompt.",
      param: "prompt",
    });
  });

  it("repeat no key", () => {
    expect(JSON.stringify(invalidApiKey("wrong").body())).not.toContain("sk-");
  });
});
