import type { FailureKind, LoadFailure } from "./types.ts";

/** What the codes of failed connections say, for people. */
const CONNECT_MESSAGES: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused: nothing listens there",
  ENOTFOUND: "the host name is unknown",
  EAI_AGAIN: "the host name could not be looked up",
  EHOSTUNREACH: "no route to the host",
  ENETUNREACH: "the network is unreachable",
  ETIMEDOUT: "no connection: timed out",
  UND_ERR_CONNECT_TIMEOUT: "no connection: timed out",
  EMFILE: "too many open files: raise the limit (ulimit -n)",
  EADDRNOTAVAIL: "no free local port: too many connections",
  EPROTO: "no TLS connection: does the server speak https?",
};

/** Refusals that say to come back: request timeout, too many requests. */
const COME_BACK: ReadonlySet<number> = new Set([408, 429]);

/** Whether the server has said that it will never take this request. */
export function isFinal({ kind, status }: LoadFailure): boolean {
  return kind === "rejected" && !COME_BACK.has(status);
}

/** What a connection's error means. @param responded the response's head had come */
export function connectionFailure(error: Error, responded: boolean): { kind: FailureKind; message: string } {
  const code = codeOf(error);
  const known = CONNECT_MESSAGES[code];
  if (!responded && known !== undefined) return { kind: "connect", message: known };
  if (!responded && (/CERT|TLS|SSL/.test(code) || /self-signed/.test(error.message))) {
    return { kind: "connect", message: `no TLS connection: ${error.message}` };
  }
  if (error.name === "HTTPParserError")
    return { kind: "protocol", message: `the response is no HTTP: ${error.message}` };
  if (code === "UND_ERR_SOCKET" || code === "ECONNRESET" || code === "EPIPE") {
    return {
      kind: "dropped",
      message: responded
        ? "the connection broke before the response was complete"
        : "the connection was closed before a response came",
    };
  }
  return { kind: responded ? "dropped" : "connect", message: error.message || code };
}

function codeOf(error: Error): string {
  const own = (error as NodeJS.ErrnoException).code;
  // Several addresses were tried: the first tells.
  if (error instanceof AggregateError) {
    const first: unknown = error.errors[0];
    if (first instanceof Error) return codeOf(first);
  }
  return own ?? (error.cause instanceof Error ? codeOf(error.cause) : "");
}
