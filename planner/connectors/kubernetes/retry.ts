import type { Pace } from "../pace.ts";
import { ApiFailure, ApiUnavailable } from "./failure.ts";

export interface RetryTimes {
  /** Wait before the second attempt, ms; doubled each time. */
  firstMs: number;
  longestMs: number;
  /** No attempt begins later than this after the first, ms. */
  deadlineMs: number;
}

export const RETRY_TIMES: RetryTimes = { firstMs: 250, longestMs: 4_000, deadlineMs: 20_000 };

export interface RetryOptions {
  times: RetryTimes;
  pace: Pace;
  /** Uniform in [0, 1). */
  random: () => number;
  signal?: AbortSignal;
}

/** A server that just started refuses rightful accounts until it has read its roles: a refusal is final only when repeated. */
const REFUSALS = 3;

/** Too many requests, and all that a server may answer while it starts, stops or is overloaded. */
function isPassing(error: unknown, attempt: number): boolean {
  if (!(error instanceof ApiFailure)) return true;
  if (error.status === 403) return attempt < REFUSALS;
  return error.status === 429 || error.status >= 500;
}

/**
 * Calls until it succeeds, fails for good, or time is up. Waits as long as the server says, else exponentially longer, both with
 * jitter so that several planners don't come back at once.
 * @throws ApiFailure for good, ApiUnavailable when time is up
 */
export async function retrying<Value>(call: () => Promise<Value>, options: RetryOptions): Promise<Value> {
  const { times, pace, random, signal } = options;
  const endMs = pace.nowMs() + times.deadlineMs;
  for (let attempt = 0; ; attempt++) {
    try {
      return await call();
    } catch (error) {
      if (!isPassing(error, attempt)) throw error;
      const asked = error instanceof ApiFailure ? error.retryAfterMs : null;
      const backoffMs = Math.min(times.longestMs, times.firstMs * 2 ** attempt);
      const waitMs = asked === null ? backoffMs * (0.5 + random()) : asked + times.firstMs * random();
      if (signal?.aborted || pace.nowMs() + waitMs > endMs) throw unavailable(error, attempt + 1);
      await pace.sleep(waitMs, signal);
    }
  }
}

function unavailable(error: unknown, attempts: number): ApiUnavailable {
  const { message, cause } = error as Error & { cause?: { message?: string } };
  const why = error instanceof ApiFailure ? `${error.status}: ${message}` : (cause?.message ?? message);
  return new ApiUnavailable(`the API server can't be asked (${attempts} attempts): ${why}`, { cause: error });
}
