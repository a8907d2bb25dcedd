import type { Pace } from "./pace.ts";

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
  /** Whether another attempt may go better. @param attempt from 0 */
  isPassing: (error: unknown, attempt: number) => boolean;
  /** How long the server asks to be left alone, ms; null where it doesn't say. */
  askedMs: (error: unknown) => number | null;
  /** What is thrown when time is up. */
  unavailable: (error: unknown, attempts: number) => Error;
}

/**
 * Calls until it succeeds, fails for good, or time is up. Waits as long as the server says, else exponentially longer, both with
 * jitter so that several planners don't come back at once.
 * @throws what fails for good as it came, `unavailable` when time is up
 */
export async function retrying<Value>(call: () => Promise<Value>, options: RetryOptions): Promise<Value> {
  const { times, pace, random, signal } = options;
  const endMs = pace.nowMs() + times.deadlineMs;
  for (let attempt = 0; ; attempt++) {
    try {
      return await call();
    } catch (error) {
      if (!options.isPassing(error, attempt)) throw error;
      const asked = options.askedMs(error);
      const backoffMs = Math.min(times.longestMs, times.firstMs * 2 ** attempt);
      const waitMs = asked === null ? backoffMs * (0.5 + random()) : asked + times.firstMs * random();
      if (signal?.aborted || pace.nowMs() + waitMs > endMs) throw options.unavailable(error, attempt + 1);
      await pace.sleep(waitMs, signal);
    }
  }
}

/** Retry-After: seconds or a date (RFC 9110 §10.2.3). @param nowUnixMs for one that is a date */
export function retryAfterMs(text: string | undefined, nowUnixMs: number): number | null {
  if (text === undefined) return null;
  const seconds = Number(text);
  if (text.trim() !== "" && Number.isFinite(seconds)) return Math.max(0, seconds * 1000);
  const date = Date.parse(text);
  return Number.isNaN(date) ? null : Math.max(0, date - nowUnixMs);
}
