import type { IncomingHttpHeaders, OutgoingHttpHeaders, ServerResponse } from "node:http";
import { HEADERS, type OpenAiError } from "#mocker/protocol";
import type { RequestTrack } from "../metrics/request-track.ts";
import { ClientStream } from "../proxy/client-stream.ts";
import type { StreamSink } from "../proxy/relay.ts";
import type { Answer } from "../proxy/upstream.ts";

/** Headers of a worker's answer that the client gets. */
const PASSED_BACK = ["content-type", "retry-after", HEADERS.cachedTokens] as const;

/** The client's side of a request whose answer is relayed as it is. */
export class ClientSink implements StreamSink {
  protected readonly stream: ClientStream;
  readonly #requestId: string;
  readonly #closes: () => boolean;
  #track: RequestTrack | null = null;

  /** @param closes whether the connection ends with the response */
  constructor(response: ServerResponse, requestId: string, closes: () => boolean) {
    this.stream = new ClientStream(response);
    this.#requestId = requestId;
    this.#closes = closes;
  }

  /** Where the names of the workers come from. */
  set track(track: RequestTrack) {
    this.#track = track;
  }

  open(headers: IncomingHttpHeaders, first: readonly Buffer[]): void {
    const head = { "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache" };
    this.stream.open(200, { ...head, ...this.#headers(headers[HEADERS.cachedTokens]) }, first);
  }

  write(chunks: readonly Buffer[]): void {
    this.stream.write(chunks);
  }

  /** The stream has come to its end. */
  finish(headers: IncomingHttpHeaders, rest: readonly Buffer[]): void {
    if (!this.stream.opened) this.open(headers, []);
    this.stream.end(rest);
  }

  /** The stream has come to its end with an error event of the worker's, which is in `rest`. */
  finishWithError(headers: IncomingHttpHeaders, rest: readonly Buffer[], _message: string): void {
    this.finish(headers, rest);
  }

  get congested(): boolean {
    return this.stream.congested;
  }

  onDrain(callback: () => void): void {
    this.stream.onDrain(callback);
  }

  /** A worker's answer as it is. */
  answer({ status, headers, body }: Answer): void {
    const passed: OutgoingHttpHeaders = {};
    for (const name of PASSED_BACK) {
      const value = headers[name];
      if (value !== undefined) passed[name] = String(value);
    }
    this.stream.send(status, { ...passed, ...this.#headers(undefined) }, body);
  }

  /** An error of ours: as a response, or, where the stream has begun, as its last event. */
  fail(error: OpenAiError): void {
    if (this.stream.opened) this.stream.end([Buffer.from(this.errorEvent(error), "latin1")]);
    else {
      const body = Buffer.from(JSON.stringify(error.body()));
      const headers = { "content-type": "application/json; charset=utf-8", ...error.headers };
      this.stream.send(error.status, { ...headers, ...this.#headers(undefined) }, body);
    }
  }

  protected errorEvent(error: OpenAiError): string {
    return error.event();
  }

  #headers(cachedTokens: string | string[] | undefined): OutgoingHttpHeaders {
    const headers: OutgoingHttpHeaders = { [HEADERS.requestId]: this.#requestId };
    if (this.#track?.workerId) headers[HEADERS.workerId] = this.#track.workerId;
    if (this.#track?.prefillWorkerId) headers[HEADERS.prefillWorkerId] = this.#track.prefillWorkerId;
    if (this.#track !== null && this.#track.attempts > 1) headers[HEADERS.workerAttempts] = this.#track.attempts;
    if (cachedTokens !== undefined) headers[HEADERS.cachedTokens] = cachedTokens;
    if (this.#closes()) headers.connection = "close";
    return headers;
  }
}
