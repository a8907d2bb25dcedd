import { STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import { invalidRequest, OpenAiError, requestTimeout } from "./errors.ts";
import { asciiJson } from "./json.ts";

/** Answers a request that was none: not HTTP, too large a head, or one that never came to its end. */
export function answerClientError(error: NodeJS.ErrnoException, socket: Duplex): void {
  // As Node itself does: nothing may go into an answer that is on its way.
  const { _httpMessage: underWay } = socket as { _httpMessage?: { headersSent: boolean } };
  if (!socket.writable || error.code === "ECONNRESET" || underWay?.headersSent) {
    socket.destroy(error);
    return;
  }
  const known = asOpenAiError(error.code);
  const body = asciiJson(known.body());
  const head = [
    `HTTP/1.1 ${known.status} ${STATUS_CODES[known.status]}`,
    "Connection: close",
    "Content-Type: application/json; charset=utf-8",
    `Content-Length: ${body.length}`,
  ].join("\r\n");
  socket.end(`${head}\r\n\r\n${body}`, () => socket.destroy());
}

function asOpenAiError(code: string | undefined): OpenAiError {
  switch (code) {
    case "ERR_HTTP_REQUEST_TIMEOUT":
      return requestTimeout();
    case "HPE_HEADER_OVERFLOW":
      return new OpenAiError({
        status: 431,
        type: "invalid_request_error",
        message: "The request's headers are too large.",
        code: "headers_too_large",
      });
    default:
      return invalidRequest("The request is no HTTP/1.1.");
  }
}
