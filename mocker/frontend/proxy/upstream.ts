import type { IncomingHttpHeaders } from "node:http";
import type { Dispatcher } from "undici";

/** How a call to a worker ended before it was over. */
export type CallFailure =
  /** There is nobody at that address. */
  | "unreachable"
  /** The connection broke; the worker may be gone, or it was an old connection. */
  | "broken"
  /** It answered too late. */
  | "timeout"
  /** We gave it up. */
  | "aborted";

export interface CallError {
  failure: CallFailure;
  message: string;
}

export interface CallRequest {
  method: "GET" | "POST" | "DELETE";
  path: string;
  headers?: Record<string, string>;
  body?: Buffer | string;
  /** Real ms until the head of the answer; 0: as long as it takes. Absent: the dispatcher's default. */
  headersTimeoutMs?: number;
  /** Real ms between pieces of the body. */
  bodyTimeoutMs?: number;
}

/** What a call tells while its answer comes in. */
export interface CallListener {
  head(status: number, headers: IncomingHttpHeaders): void;
  data(chunk: Buffer): void;
  end(): void;
  failed(error: CallError): void;
}

class Aborted extends Error {}

/** One call to a worker, straight on undici's dispatch: no streams, no promises. */
export class UpstreamCall implements Dispatcher.DispatchHandler {
  readonly #listener: CallListener;
  #controller: Dispatcher.DispatchController | null = null;
  #over = false;
  #aborted = false;

  constructor(dispatcher: Dispatcher, request: CallRequest, listener: CallListener) {
    this.#listener = listener;
    const options: Dispatcher.DispatchOptions = { method: request.method, path: request.path };
    if (request.headers !== undefined) options.headers = request.headers;
    if (request.body !== undefined) options.body = request.body;
    if (request.headersTimeoutMs !== undefined) options.headersTimeout = request.headersTimeoutMs;
    if (request.bodyTimeoutMs !== undefined) options.bodyTimeout = request.bodyTimeoutMs;
    try {
      dispatcher.dispatch(options, this);
    } catch (error) {
      queueMicrotask(() => this.#fail(error as Error));
    }
  }

  /** Cancels the call; its listener hears of a failure of kind `aborted`. */
  abort(): void {
    if (this.#over || this.#aborted) return;
    this.#aborted = true;
    this.#controller?.abort(new Aborted("given up"));
  }

  pause(): void {
    this.#controller?.pause();
  }

  resume(): void {
    if (!this.#over) this.#controller?.resume();
  }

  // ── undici's side ───────────────────────────────────────────────────────────────────────────────────────────────

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#aborted) controller.abort(new Aborted("given up"));
  }

  onResponseStart(_: Dispatcher.DispatchController, status: number, headers: IncomingHttpHeaders): void {
    // 1xx are announcements.
    if (status >= 200) this.#listener.head(status, headers);
  }

  onResponseData(_: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#listener.data(chunk);
  }

  onResponseEnd(): void {
    this.#over = true;
    this.#listener.end();
  }

  onResponseError(_: Dispatcher.DispatchController, error: Error): void {
    this.#fail(error);
  }

  #fail(error: Error): void {
    if (this.#over) return;
    this.#over = true;
    this.#listener.failed({ failure: this.#aborted ? "aborted" : failureOf(error), message: error.message });
  }
}

function failureOf(error: Error): CallFailure {
  const code = (error as NodeJS.ErrnoException).code ?? "";
  if (code === "UND_ERR_HEADERS_TIMEOUT" || code === "UND_ERR_BODY_TIMEOUT") return "timeout";
  return UNREACHABLE.has(code) ? "unreachable" : "broken";
}

const UNREACHABLE = new Set([
  "ECONNREFUSED",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ENOTFOUND",
  "EAI_AGAIN",
  "ETIMEDOUT",
  "UND_ERR_CONNECT_TIMEOUT",
]);

export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  body: Buffer;
}

/** A call whose answer is wanted whole. `bound` hears of the call, so that it can be given up. */
export function callWhole(
  dispatcher: Dispatcher,
  request: CallRequest,
  bound?: (call: UpstreamCall) => void,
): Promise<Answer | CallError> {
  return new Promise((resolve) => {
    let status = 0;
    let headers: IncomingHttpHeaders = {};
    const chunks: Buffer[] = [];
    const call = new UpstreamCall(dispatcher, request, {
      head: (code, fields) => {
        status = code;
        headers = fields;
      },
      data: (chunk) => void chunks.push(chunk),
      end: () => resolve({ status, headers, body: chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks) }),
      failed: resolve,
    });
    bound?.(call);
  });
}

export function isCallError(outcome: object): outcome is CallError {
  return "failure" in outcome;
}
