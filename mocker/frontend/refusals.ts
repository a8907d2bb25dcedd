import { modelNotFound, OpenAiError, serviceUnavailable, tooManyRequests } from "#mocker/protocol";
import type { QueueOverflow } from "#mocker/router";

/** What the frontend itself answers instead of a worker, beyond the errors of the protocol. */

const RETRY_AFTER_S = 1;

/** 429: more requests wait than may. */
export const crowded = (waiting: number, because: string): OpenAiError =>
  tooManyRequests(`Too many requests: ${waiting} are waiting for ${because} already.`, RETRY_AFTER_S);

const LIMIT_TEXTS = { requests: "requests", promptTokens: "prompt tokens", cachedTokens: "cached tokens" } as const;

/** 529, as Dynamo answers: as much waits in the request's policy class as may. */
export const classFull = ({ className, what, limit, used }: QueueOverflow): OpenAiError =>
  new OpenAiError({
    status: 529,
    type: "overloaded",
    message: `Too many requests: ${used} ${LIMIT_TEXTS[what]} wait in the policy class ${className}, which may have ${limit}.`,
    code: "policy_class_full",
    headers: { "retry-after": String(RETRY_AFTER_S) },
  });

/** 503: nobody became ready in time. */
export const nobodyCame = (waitedMs: number, because: string): OpenAiError =>
  serviceUnavailable(`The request waited ${Math.round(waitedMs / 1000)} s for ${because}.`, 5 * RETRY_AFTER_S);

/** 404, naming the models that there are. */
export function noSuchModel(model: string, known: readonly string[]): OpenAiError {
  const { status, type, param, code, message } = modelNotFound(model);
  const there = known.length > 0 ? ` There is: ${known.slice(0, 10).join(", ")}.` : "";
  return new OpenAiError({ status, type, param, code, message: message + there });
}

/** 502 or 504: workers failed. */
export const workerFailed = (status: number, message: string): OpenAiError =>
  new OpenAiError({ status, type: "server_error", message, code: "worker_failed" });

/** 400: no worker of the model has the room, ever. */
export const neverFits = (message: string): OpenAiError =>
  new OpenAiError({ status: 400, type: "invalid_request_error", message, code: "context_length_exceeded" });
