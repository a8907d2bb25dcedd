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

/** Retry-After: seconds or a date (RFC 9110 §10.2.3). */
function retryAfterMs(text: string | undefined, nowUnixMs: number): number | null {
  if (text === undefined) return null;
  const seconds = Number(text);
  if (text.trim() !== "" && Number.isFinite(seconds)) return Math.max(0, seconds * 1000);
  const date = Date.parse(text);
  return Number.isNaN(date) ? null : Math.max(0, date - nowUnixMs);
}
