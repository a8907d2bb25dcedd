import type { IncomingHttpHeaders, ServerResponse } from "node:http";
import {
  type ChatAnswerBody,
  type OpenAiError,
  ResponsesAnswer,
  type ResponsesRequest,
  SseParser,
} from "#mocker/protocol";
import type { Answer } from "../proxy/upstream.ts";
import { workerFailed } from "../refusals.ts";
import { ClientSink } from "./client-sink.ts";

/** The client's side of `POST /v1/responses`: a chat's answer turned into that of a response, whole or event by event. */
export class ResponsesSink extends ClientSink {
  readonly #answer: ResponsesAnswer;
  readonly #parser: SseParser;
  #events = "";

  constructor(response: ServerResponse, requestId: string, closes: () => boolean, request: ResponsesRequest) {
    super(response, requestId, closes);
    this.#answer = new ResponsesAnswer(request, requestId, Math.floor(Date.now() / 1000));
    this.#parser = new SseParser(({ data }) => {
      const chunk = chatChunk(data);
      if (chunk !== null) this.#events += this.#answer.chunk(chunk);
    });
  }

  override open(headers: IncomingHttpHeaders, first: readonly Buffer[]): void {
    super.open(headers, [Buffer.from(this.#answer.start() + this.#convert(first))]);
  }

  override write(chunks: readonly Buffer[]): void {
    const events = this.#convert(chunks);
    if (events !== "") super.write([Buffer.from(events)]);
  }

  override finish(headers: IncomingHttpHeaders, rest: readonly Buffer[]): void {
    super.finish(headers, [Buffer.from(this.#convert(rest) + this.#answer.end())]);
  }

  override finishWithError(headers: IncomingHttpHeaders, rest: readonly Buffer[], message: string): void {
    const events = this.#convert(rest) + this.errorEvent(workerFailed(500, message));
    super.finish(headers, [Buffer.from(events)]);
  }

  override answer(answer: Answer): void {
    if (answer.status !== 200) {
      super.answer(answer);
      return;
    }
    const chat = JSON.parse(answer.body.toString("utf8")) as ChatAnswerBody;
    super.answer({ ...answer, body: Buffer.from(JSON.stringify(this.#answer.whole(chat))) });
  }

  protected override errorEvent(error: OpenAiError): string {
    return this.#answer.failed(error);
  }

  #convert(chunks: readonly Buffer[]): string {
    for (const chunk of chunks) this.#parser.push(chunk);
    const events = this.#events;
    this.#events = "";
    return events;
  }
}

/** A chunk of a chat; null for the end mark, for errors, and for what is none. */
function chatChunk(data: string): ChatAnswerBody | null {
  try {
    const chunk = JSON.parse(data) as Partial<ChatAnswerBody> | null;
    return Array.isArray(chunk?.choices) ? (chunk as ChatAnswerBody) : null;
  } catch {
    return null;
  }
}
