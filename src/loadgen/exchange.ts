import type { IncomingHttpHeaders } from "node:http";
import type { Client, Dispatcher } from "undici";
import { RequestStatus } from "#src/record";
import type { LoadColumns } from "./columns.ts";
import {
  CompletionStream,
  clipped,
  errorMessage,
  isObject,
  NO_USAGE,
  type Usage,
  usageOf,
} from "./completion-stream.ts";
import { connectionFailure } from "./failures.ts";
import type { LoadRows } from "./rows.ts";
import type { FailureKind, LoadFailure } from "./types.ts";

const MAX_BODY_CHARS = 16 * 2 ** 20;
const MAX_ERROR_CHARS = 65_536;

/** What an exchange tells the driver that began it. */
export interface ExchangeOwner {
  readonly rows: LoadRows;
  /** ms from the start, now. */
  nowMs(): number;
  gap(gapMs: number, weight: number): void;
  tokens?(row: number, count: number, atMs: number): void;
  /** The connection is free again, whatever came of the request. Told once. */
  ended(exchange: Exchange, atMs: number): void;
}

/** One request and its response, as undici tells of it; writes its row of the columns. */
export class Exchange implements Dispatcher.DispatchHandler {
  readonly row: number;
  readonly client: Client;
  /** The client gives up after so many tokens; 0: never. */
  readonly cancelAfter: number;
  readonly startedMs: number;
  /** Tokens of reasoning that the answer is expected to begin with, where the stream does not tell them apart. */
  readonly #expectedReasoning: number;
  /** What went wrong, as soon as that is known. */
  failure: LoadFailure | null = null;
  /** When its client was to lose patience, ms from the start; null: it has not. */
  gaveUpMs: number | null = null;
  readonly #owner: ExchangeOwner;
  readonly #columns: LoadColumns;
  /** Its place in them. */
  readonly #at: number;
  readonly #endpoint: "chat" | "completions";
  #controller: Dispatcher.DispatchController | null = null;
  #stream: CompletionStream | null = null;
  #status = 0;
  #contentType = "";
  #body = "";
  #lastMs = Number.NaN;
  #tokens = 0;
  /** Why it was given up before its end. */
  #stopped: "cancelled" | "cut" | "timeout" | "failed" | null = null;
  #over = false;

  constructor(
    owner: ExchangeOwner,
    row: number,
    client: Client,
    endpoint: "chat" | "completions",
    startedMs: number,
    cancelAfter: number,
    expectedReasoning = 0,
  ) {
    this.#owner = owner;
    this.row = row;
    this.#columns = owner.rows.columns(row);
    this.#at = owner.rows.place(row);
    this.client = client;
    this.#endpoint = endpoint;
    this.startedMs = startedMs;
    this.cancelAfter = cancelAfter;
    this.#expectedReasoning = endpoint === "completions" ? expectedReasoning : 0;
  }

  /** Gives up: the run is over (`cut`), it takes too long (`timeout`), or as planned (`cancelled`). */
  stop(why: "cancelled" | "cut" | "timeout"): void {
    if (this.#over || this.#stopped !== null) return;
    this.#stopped = why;
    this.#abort();
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#stopped !== null) this.#abort();
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: IncomingHttpHeaders): void {
    const { requests, details } = this.#columns;
    const at = this.#at;
    this.#status = status;
    this.#contentType = headers["content-type"] ?? "";
    details.respondedMs[at] = this.#owner.nowMs();
    details.httpStatus[at] = status;
    if (status === 200 && this.#contentType.startsWith("text/event-stream")) {
      this.#stream = new CompletionStream(this.#endpoint);
    }
    const decode = workerIndex(headers["x-worker-id"]);
    if (decode >= 0) requests.decodeWorker[at] = decode;
    const prefill = workerIndex(headers["x-prefill-worker-id"]);
    if (prefill >= 0) requests.prefillWorker[at] = prefill;
    requests.attempts[at]! += moreAttempts(headers["x-worker-attempts"]);
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    const stream = this.#stream;
    if (stream === null) {
      if (this.#body.length < (this.#status === 200 ? MAX_BODY_CHARS : MAX_ERROR_CHARS)) {
        this.#body += chunk.toString("latin1");
      }
      return;
    }
    // All that one read of the socket brought came at one time.
    const nowMs = this.#owner.nowMs();
    const events = stream.feed(chunk);
    if (events > 0) this.#tokensCame(events, nowMs);
    if (stream.error !== null && this.#stopped === null) {
      this.#fail("stream", stream.error);
      this.#abort();
    }
  }

  onResponseEnd(): void {
    if (this.#over) return;
    if (this.#stopped === null) this.#complete();
    else this.#conclude();
    this.#end();
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    if (this.#over) return;
    if (this.#stopped !== null) {
      this.#conclude();
      this.#end();
      return;
    }
    const { kind, message } = connectionFailure(error, this.#status > 0);
    this.#fail(kind, message);
    this.#over = true;
    // undici is still clearing the connection away: the next request must not be on it before that is done.
    setImmediate(() => this.#end());
  }

  #tokensCame(count: number, nowMs: number): void {
    const { requests } = this.#columns;
    const at = this.#at;
    if (this.#tokens === 0) {
      requests.firstTokenMs[at] = nowMs;
      if (count > 1) {
        requests.secondTokenMs[at] = nowMs;
        this.#owner.gap(0, count - 1);
      }
    } else {
      if (this.#tokens === 1) requests.secondTokenMs[at] = nowMs;
      this.#owner.gap(nowMs - this.#lastMs, 1);
      if (count > 1) this.#owner.gap(0, count - 1);
    }
    this.#owner.tokens?.(this.row, count, nowMs);
    this.#lastMs = nowMs;
    this.#tokens += count;
    const hasAnswer = this.#stream?.answered === true && this.#tokens > this.#expectedReasoning;
    if (hasAnswer && Number.isNaN(requests.firstOutputTokenMs[at]!)) requests.firstOutputTokenMs[at] = nowMs;
    if (this.cancelAfter > 0 && this.#tokens >= this.cancelAfter && this.#stream?.finished !== true) {
      this.stop("cancelled");
    }
  }

  /** The response ended by itself. */
  #complete(): void {
    if (this.#status !== 200) {
      this.#refused();
      return;
    }
    const stream = this.#stream;
    if (stream === null) {
      this.#completeBody();
    } else if (stream.finished) {
      this.#succeed(stream.usage(), this.#tokens);
    } else if (stream.malformed !== null) {
      this.#fail("protocol", `found ${JSON.stringify(clipped(stream.malformed, 80))} in the stream, expected JSON`);
    } else {
      this.#fail("dropped", `the stream ended after ${this.#tokens} tokens without [DONE] or a finish reason`);
    }
  }

  /** A response without streaming: one JSON document. */
  #completeBody(): void {
    const body = parsed(this.#body);
    if (body === null || !Array.isArray(body.choices)) {
      const message = body === null ? null : errorMessage(body);
      const found = message ?? `${this.#contentType || "no content type"}: ${clipped(this.#body, 80)}`;
      this.#fail("protocol", `found ${found}, expected a completion`);
      return;
    }
    this.#lastMs = this.#owner.nowMs();
    this.#succeed(isObject(body.usage) ? usageOf(body.usage) : NO_USAGE, 0);
  }

  #succeed(usage: Usage, counted: number): void {
    const { requests } = this.#columns;
    this.#writeUsage(usage);
    if (usage.completionTokens < 0) requests.outputTokens[this.#at] = counted;
    this.#writeReasoning(usage.reasoningTokens);
    requests.lastTokenMs[this.#at] = this.#lastMs;
    requests.status[this.#at] = RequestStatus.completed;
  }

  #writeUsage({ promptTokens, completionTokens, cachedTokens }: Usage): void {
    const { requests, details } = this.#columns;
    const at = this.#at;
    if (promptTokens >= 0) {
      requests.isl[at] = promptTokens;
      details.serverIsl[at] = promptTokens;
    }
    if (cachedTokens >= 0) requests.cachedTokens[at] = cachedTokens;
    if (completionTokens >= 0) requests.outputTokens[at] = completionTokens;
  }

  /** @param told −1: the server does not tell */
  #writeReasoning(told: number): void {
    const { requests } = this.#columns;
    const at = this.#at;
    const reasoning = told >= 0 ? told : (this.#stream?.reasoningEvents ?? 0);
    requests.reasoningTokens[at] = reasoning;
    if (this.#endpoint === "chat" || reasoning === this.#expectedReasoning) return;
    // The answer began elsewhere than was looked for.
    requests.firstOutputTokenMs[at] = reasoning === 0 ? requests.firstTokenMs[at]! : Number.NaN;
  }

  #refused(): void {
    const status = this.#status;
    const body = parsed(this.#body);
    const told = body === null ? clipped(this.#body) : errorMessage(body);
    const message = `status ${status}${told ? `: ${Buffer.from(told, "latin1").toString("utf8")}` : ""}`;
    if (status >= 500) this.#fail("server", message);
    else if (status >= 400) this.#fail("rejected", message);
    else if (status >= 300) this.#fail("protocol", `${message} (a redirect: load goes to the named address alone)`);
    else this.#fail("protocol", message);
  }

  /** It was stopped from this side. */
  #conclude(): void {
    if (this.#stopped === "timeout") {
      const seconds = (this.#owner.nowMs() - this.startedMs) / 1000;
      this.#fail("timeout", `no end after ${Number(seconds.toPrecision(3))} s (${this.#tokens} tokens came)`);
    } else if (this.#stopped !== "failed") {
      const { requests, details } = this.#columns;
      if (this.#stopped === "cancelled") details.cancelled[this.#at] = 1;
      requests.outputTokens[this.#at] = this.#tokens;
      requests.lastTokenMs[this.#at] = this.#lastMs;
    }
  }

  #fail(kind: FailureKind, message: string): void {
    const { requests } = this.#columns;
    this.#stopped = "failed";
    requests.status[this.#at] = kind === "rejected" ? RequestStatus.rejected : RequestStatus.failed;
    requests.outputTokens[this.#at] = this.#tokens;
    requests.lastTokenMs[this.#at] = this.#lastMs;
    this.failure = { request: this.row, kind, status: this.#status, message: clipped(message, 500) };
  }

  #end(): void {
    this.#over = true;
    const atMs = this.#owner.nowMs();
    const { details } = this.#columns;
    details.endedMs[this.#at] = atMs;
    details.chunks[this.#at] = this.#tokens;
    this.#owner.ended(this, atMs);
  }

  #abort(): void {
    this.#controller?.abort(new Error("given up by the load generator"));
  }
}

/** `decode/3` → 3; −1 for other names. */
function workerIndex(id: string | string[] | undefined): number {
  const match = typeof id === "string" ? /^[a-z]+\/(\d{1,9})$/.exec(id) : null;
  return match === null ? -1 : Number(match[1]);
}

/** Workers that a frontend has given the request to beyond the first one; 0 where it does not tell. */
function moreAttempts(told: string | string[] | undefined): number {
  return typeof told === "string" && /^[1-9]\d{0,5}$/.test(told) ? Number(told) - 1 : 0;
}

function parsed(body: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(body);
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}
