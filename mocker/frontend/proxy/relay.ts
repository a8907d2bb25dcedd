import type { IncomingHttpHeaders } from "node:http";
import type { Dispatcher } from "undici";
import { TokenScan } from "./token-scan.ts";
import { type Answer, type CallError, type CallRequest, UpstreamCall } from "./upstream.ts";
import { WholeEvents } from "./whole-events.ts";

/** Where a relayed stream goes: the client as it is, or something that makes other events of it. */
export interface StreamSink {
  /** The first token is there: from now on there is no other worker for this request. */
  open(headers: IncomingHttpHeaders, first: readonly Buffer[]): void;
  write(chunks: readonly Buffer[]): void;
  readonly congested: boolean;
  onDrain(callback: () => void): void;
}

/** What happens to the tokens of a stream, in the order of their arrival. */
export interface TokenObserver {
  /** `tokens` have arrived at once; `headers` are those of the worker's answer. */
  tokens(tokens: number, headers: IncomingHttpHeaders): void;
}

export type RelayOutcome =
  /** The body came to its end; `rest` has not been written, so that it can go out together with the end. */
  | { kind: "ended"; scan: TokenScan; rest: readonly Buffer[]; headers: IncomingHttpHeaders }
  /** Not a stream: an error, or a whole answer. */
  | { kind: "answer"; answer: Answer }
  /** Broken off; `opened` tells whether the client has seen anything of it. */
  | { kind: "failed"; error: CallError; opened: boolean };

/** Relays with bytes that wait for the end of the event loop's turn. */
let dirty: Relay[] = [];

function flushDirty(): void {
  const relays = dirty;
  dirty = [];
  for (const relay of relays) relay.flush();
}

/**
 * One worker's stream on its way to a client. The pieces of one turn of the event loop leave as one. Nothing leaves before
 * the first token is there, so that a worker that dies until then can be replaced.
 */
class Relay {
  readonly #sink: StreamSink;
  readonly #observer: TokenObserver;
  readonly #events = new WholeEvents();
  readonly #scan = new TokenScan();
  readonly #settle: (outcome: RelayOutcome) => void;
  readonly call: UpstreamCall;
  #status = 0;
  #headers: IncomingHttpHeaders = {};
  #streams = false;
  #opened = false;
  #isDirty = false;
  #waiting: Buffer[] = [];

  constructor(
    dispatcher: Dispatcher,
    request: CallRequest,
    sink: StreamSink,
    observer: TokenObserver,
    settle: (outcome: RelayOutcome) => void,
  ) {
    this.#sink = sink;
    this.#observer = observer;
    this.#settle = settle;
    this.call = new UpstreamCall(dispatcher, request, this);
  }

  head(status: number, headers: IncomingHttpHeaders): void {
    this.#status = status;
    this.#headers = headers;
    this.#streams = status === 200 && String(headers["content-type"] ?? "").startsWith("text/event-stream");
  }

  data(chunk: Buffer): void {
    if (!this.#streams) {
      this.#waiting.push(chunk);
      return;
    }
    const events = this.#events.take(chunk);
    if (events.length === 0) return;
    this.#waiting.push(events);
    const tokens = this.#scan.feed(events);
    if (tokens > 0) this.#observer.tokens(tokens, this.#headers);
    if (this.#isDirty || this.#scan.tokens === 0) return;
    this.#isDirty = true;
    if (dirty.push(this) === 1) process.nextTick(flushDirty);
  }

  flush(): void {
    this.#isDirty = false;
    const chunks = this.#waiting;
    if (chunks.length === 0) return;
    this.#waiting = [];
    if (this.#opened) this.#sink.write(chunks);
    else {
      this.#opened = true;
      this.#sink.open(this.#headers, chunks);
    }
    if (this.#sink.congested) {
      this.call.pause();
      this.#sink.onDrain(() => this.call.resume());
    }
  }

  end(): void {
    const rest = this.#waiting;
    this.#waiting = [];
    // A last line without an end may be the end mark all the same.
    if (this.#events.rest.length > 0) {
      rest.push(this.#events.rest);
      this.#scan.feed(this.#events.rest);
    }
    if (this.#streams) this.#settle({ kind: "ended", scan: this.#scan, rest, headers: this.#headers });
    else {
      const answer = { status: this.#status, headers: this.#headers, body: Buffer.concat(rest) };
      this.#settle({ kind: "answer", answer });
    }
  }

  failed(error: CallError): void {
    if (this.#isDirty) this.flush();
    this.#settle({ kind: "failed", error, opened: this.#opened });
  }
}

/** Calls a worker and relays what it streams. `bound` hears of the call, so that it can be given up. */
export function relay(
  dispatcher: Dispatcher,
  request: CallRequest,
  sink: StreamSink,
  observer: TokenObserver,
  bound: (call: UpstreamCall) => void,
): Promise<RelayOutcome> {
  return new Promise((resolve) => {
    bound(new Relay(dispatcher, request, sink, observer, resolve).call);
  });
}
