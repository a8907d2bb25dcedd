import { type RetryOptions, retryAfterMs } from "../retry.ts";

/** An answer of the API server's that is none of 2xx. */
export class ApiFailure extends Error {
  override readonly name = "ApiFailure";
  readonly status: number;
  /** `reason` of the Status object: `Conflict`, `Expired` …; empty where the body is none. */
  readonly reason: string;
  /** How long the server asks to be left alone, ms; null where it doesn't say. */
  readonly retryAfterMs: number | null;

  constructor(status: number, reason: string, message: string, retryAfterMs: number | null) {
    super(message);
    this.status = status;
    this.reason = reason;
    this.retryAfterMs = retryAfterMs;
  }
}

/** The API server gave no answer, retries included, or said again and again that it can't. */
export class ApiUnavailable extends Error {
  override readonly name = "ApiUnavailable";
}

export function isStatus(error: unknown, status: number): boolean {
  return error instanceof ApiFailure && error.status === status;
}

/** Null for what is not there (404). @throws what else goes wrong */
export async function orNull<Value>(asked: Promise<Value>): Promise<Value | null> {
  try {
    return await asked;
  } catch (error) {
    if (isStatus(error, 404)) return null;
    throw error;
  }
}

/** @param nowUnixMs for a Retry-After that is a date */
export function failureOf(status: number, body: string, retryAfter: string | undefined, nowUnixMs: number): ApiFailure {
  const found = statusObject(body);
  const message = found.message || body.trim().slice(0, 300) || `HTTP ${status}`;
  return new ApiFailure(status, found.reason ?? "", message, retryAfterMs(retryAfter, nowUnixMs));
}

function statusObject(body: string): { message?: string; reason?: string } {
  try {
    const found = JSON.parse(body) as unknown;
    return typeof found === "object" && found !== null ? found : {};
  } catch {
    return {};
  }
}

/** A server that just started refuses rightful accounts until it has read its roles: a refusal is final only when repeated. */
const REFUSALS = 3;

/** What is tried again: too many requests, and all that a server may answer while it starts, stops or is overloaded. */
export const apiRetries: Pick<RetryOptions, "isPassing" | "askedMs" | "unavailable"> = {
  isPassing(error, attempt) {
    if (!(error instanceof ApiFailure)) return true;
    if (error.status === 403) return attempt < REFUSALS;
    return error.status === 429 || error.status >= 500;
  },
  askedMs: (error) => (error instanceof ApiFailure ? error.retryAfterMs : null),
  unavailable(error, attempts) {
    const { message, cause } = error as Error & { cause?: { message?: string } };
    const why = error instanceof ApiFailure ? `${error.status}: ${message}` : (cause?.message ?? message);
    return new ApiUnavailable(`the API server can't be asked (${attempts} attempts): ${why}`, { cause: error });
  },
};
