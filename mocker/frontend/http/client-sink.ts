import type { IncomingHttpHeaders, OutgoingHttpHeaders, ServerResponse } from "node:http";
import { HEADERS, type OpenAiError } from "#mocker/protocol";
import type { RequestTrack } from "../metrics/request-track.ts";
import { ClientStream } from "../proxy/client-stream.ts";
import type { StreamSink } from "../proxy/relay.ts";
import type { Answer } from "../proxy/upstream.ts";

/** Headers of a worker's answer that the client gets. */
const PASSED_BACK = ["content-type", "retry-after"] as const;

/** The client's side of a request that is relayed as it is. */
export class ClientSink implements StreamSink {
  readonly stream: ClientStream;
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

  open(_: IncomingHttpHeaders, first: readonly Buffer[]): void {
    const head = { "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache" };
    this.stream.open(200, { ...head, ...this.#headers() }, first);
  }

  write(chunks: readonly Buffer[]): void {
    this.stream.write(chunks);
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
    for (const name of PASSED_BACK) if (headers[name] !== undefined) passed[name] = headers[name];
    this.stream.send(status, { ...passed, ...this.#headers() }, body);
  }

  /** An error of ours: as a response, or, where the stream has begun, as its last event. */
  fail(error: OpenAiError): void {
    if (this.stream.opened) this.stream.end([Buffer.from(error.event(), "latin1")]);
    else {
      const body = Buffer.from(JSON.stringify(error.body()));
      const headers = { "content-type": "application/json; charset=utf-8", ...error.headers, ...this.#headers() };
      this.stream.send(error.status, headers, body);
    }
  }

  #headers(): OutgoingHttpHeaders {
    const headers: OutgoingHttpHeaders = { [HEADERS.requestId]: this.#requestId };
    if (this.#track?.workerId) headers[HEADERS.workerId] = this.#track.workerId;
    if (this.#track?.prefillWorkerId) headers[HEADERS.prefillWorkerId] = this.#track.prefillWorkerId;
    if (this.#closes()) headers.connection = "close";
    return headers;
  }
}
