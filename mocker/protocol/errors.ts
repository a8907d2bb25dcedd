import { asciiJson } from "./json.ts";

export interface OpenAiErrorDetails {
  status: number;
  message: string;
  /** OpenAI's class of error. */
  type: string;
  /** The request's parameter at fault, as a path: `messages[0].content`. */
  param?: string | null;
  code?: string | null;
  /** Response headers that belong to it. */
  headers?: Readonly<Record<string, string>>;
}

/** `{"error": …}` as OpenAI's API and vLLM answer it. */
export interface OpenAiErrorBody {
  error: { message: string; type: string; param: string | null; code: string | null };
}

/** What a client of the OpenAI API is told of a request that can't be served. */
export class OpenAiError extends Error {
  readonly status: number;
  readonly type: string;
  readonly param: string | null;
  readonly code: string | null;
  readonly headers: Readonly<Record<string, string>>;

  constructor(details: OpenAiErrorDetails) {
    super(details.message);
    this.name = "OpenAiError";
    this.status = details.status;
    this.type = details.type;
    this.param = details.param ?? null;
    this.code = details.code ?? null;
    this.headers = details.headers ?? {};
  }

  body(): OpenAiErrorBody {
    return { error: { message: this.message, type: this.type, param: this.param, code: this.code } };
  }

  /** The event that ends a stream whose headers have gone out already; ASCII. */
  event(): string {
    return `data: ${asciiJson(this.body())}\n\n`;
  }
}

/** 400: the request can't be understood, or asks for what it must not. */
export function invalidRequest(message: string, param: string | null = null, code: string | null = null): OpenAiError {
  return new OpenAiError({ status: 400, type: "invalid_request_error", message, param, code });
}

/** 400: the body is no JSON object. */
export function invalidJson(reason: string): OpenAiError {
  return invalidRequest(`We could not parse the JSON body of your request: ${reason}`, null, "invalid_json");
}

/** 400: prompt and output together are longer than the model's context. */
export function contextLengthExceeded(
  contextLength: number,
  promptTokens: number,
  outputTokens: number,
  param: "messages" | "prompt" | "input",
): OpenAiError {
  const asked =
    outputTokens > 0
      ? `you requested ${promptTokens + outputTokens} tokens (${promptTokens} in the ${param}, ${outputTokens} in the completion)`
      : `your ${param} resulted in ${promptTokens} tokens`;
  return invalidRequest(
    `This model's maximum context length is ${contextLength} tokens. However, ${asked}. Please reduce the length of the ${param}${outputTokens > 0 ? " or completion" : ""}.`,
    param,
    "context_length_exceeded",
  );
}

/** 401: no key, or another one than the server's. */
export function invalidApiKey(found: "missing" | "wrong"): OpenAiError {
  return new OpenAiError({
    status: 401,
    type: "invalid_request_error",
    message:
      found === "missing"
        ? "You didn't provide an API key. Provide it in the header: Authorization: Bearer YOUR_KEY."
        : "Incorrect API key provided.",
    code: "invalid_api_key",
    headers: { "www-authenticate": "Bearer" },
  });
}

/** 404: a model that is not served here. */
export function modelNotFound(model: string): OpenAiError {
  return new OpenAiError({
    status: 404,
    type: "invalid_request_error",
    message: `The model \`${model}\` does not exist.`,
    param: "model",
    code: "model_not_found",
  });
}

/** 404: an address that is not served here. */
export function unknownUrl(method: string, path: string): OpenAiError {
  return new OpenAiError({
    status: 404,
    type: "invalid_request_error",
    message: `Invalid URL (${method} ${path})`,
    code: "unknown_url",
  });
}

/** 405: the address is served, by another method. */
export function methodNotAllowed(method: string, allowed: readonly string[]): OpenAiError {
  return new OpenAiError({
    status: 405,
    type: "invalid_request_error",
    message: `Not allowed to ${method} here, only ${allowed.join(", ")}.`,
    code: "method_not_supported",
    headers: { allow: allowed.join(", ") },
  });
}

/** 408: the body did not come in time. */
export function requestTimeout(): OpenAiError {
  return new OpenAiError({
    status: 408,
    type: "invalid_request_error",
    message: "The request's body did not arrive in time.",
    code: "request_timeout",
  });
}

/** 413: the body is larger than the server takes. */
export function requestTooLarge(limitBytes: number): OpenAiError {
  return new OpenAiError({
    status: 413,
    type: "invalid_request_error",
    message: `The request's body is larger than ${limitBytes} bytes.`,
    code: "request_too_large",
  });
}

/** 415: the body is not JSON by its content type. */
export function unsupportedMediaType(found: string): OpenAiError {
  return new OpenAiError({
    status: 415,
    type: "invalid_request_error",
    message: `Unsupported content type ${found === "" ? "(none)" : `'${found}'`}: send application/json.`,
    code: "unsupported_media_type",
  });
}

/** 429: too much is under way already. @param retryAfterSeconds rounded up to whole seconds in `Retry-After`, ≥ 1 */
export function tooManyRequests(message: string, retryAfterSeconds: number): OpenAiError {
  return new OpenAiError({
    status: 429,
    type: "requests",
    message,
    code: "rate_limit_exceeded",
    headers: { "retry-after": String(Math.max(1, Math.ceil(retryAfterSeconds))) },
  });
}

/** 500: a fault of the server. */
export function serverError(message = "The server had an error while processing your request."): OpenAiError {
  return new OpenAiError({ status: 500, type: "server_error", message, code: "internal_error" });
}

/** 503: nobody here can serve it now. */
export function serviceUnavailable(message: string, retryAfterSeconds?: number): OpenAiError {
  return new OpenAiError({
    status: 503,
    type: "server_error",
    message,
    code: "service_unavailable",
    ...(retryAfterSeconds === undefined
      ? {}
      : { headers: { "retry-after": String(Math.max(1, Math.ceil(retryAfterSeconds))) } }),
  });
}
