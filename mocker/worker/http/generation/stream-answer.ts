import {
  asciiJson,
  type ChatRequest,
  type ChunkExtras,
  type ChunkTemplate,
  type CompletionRequest,
  chatLogprobs,
  chunkTemplate,
  completionLogprobs,
  HEADERS,
  type OpenAiError,
  type ResponseIdentity,
  STREAM_DONE,
} from "#mocker/protocol";
import type { StreamWriter } from "../../core/stream-writer.ts";
import type { WorkerContext } from "../context.ts";
import { Answer } from "./answer.ts";
import type { HeadSweep, WaitingHead } from "./head-sweep.ts";
import type { Sequence } from "./sequence.ts";

/** One choice's way of saying things. */
interface Voice {
  content: ChunkTemplate;
  /** For the leading tokens, where a chat's model reasons. */
  reasoning: ChunkTemplate | null;
  /** What goes out before the first token: the role, and an echoed prompt. */
  opening: string;
  /** Characters of text so far, an echoed prompt's included: offsets of logprobs. */
  textOffset: number;
}

/** An answer as server-sent events: each token goes out when the engine says it is there. */
export class StreamAnswer extends Answer implements WaitingHead {
  readonly #request: ChatRequest | CompletionRequest;
  readonly #writer: StreamWriter;
  readonly #heads: HeadSweep;
  readonly #requestId: string;
  /** Chunks hold text alone: prefix, text, suffix. */
  readonly #plain: boolean;
  #voices: Voice[] = [];
  #begun = false;

  constructor(
    context: WorkerContext,
    identity: ResponseIdentity,
    request: ChatRequest | CompletionRequest,
    requestId: string,
    writer: StreamWriter,
    heads: HeadSweep,
  ) {
    super(context, identity);
    this.#request = request;
    this.#requestId = requestId;
    this.#writer = writer;
    this.#heads = heads;
    const { continuousUsage, returnTokenIds, logprobs, stop, stopTokenIds } = request;
    // A text that ends at a stop string may have tokens that show nothing.
    this.#plain = !continuousUsage && !returnTokenIds && logprobs === null && stop.length + stopTokenIds.length === 0;
  }

  /** @param echoes text of the prompt of each sequence that is repeated; empty for none */
  override start(sequences: readonly Sequence[], waitForFirst: boolean, echoes: readonly string[] = []): void {
    this.#voices = sequences.map((sequence, i) => this.#voice(sequence, echoes[i] ?? ""));
    this.#heads.add(this);
    super.start(sequences, waitForFirst);
  }

  token(sequence: Sequence, index: number): void {
    const voice = this.#voices[sequence.index]!;
    const { plan } = sequence;
    if (index > 0 && this.#plain && index >= plan.thinkingTokens && index < plan.tokens - 1) {
      const { content } = voice;
      this.#writer.write(content.prefix + plan.json(index) + content.suffix);
    } else {
      this.#tokenWithMore(voice, sequence, index);
    }
  }

  #tokenWithMore(voice: Voice, sequence: Sequence, index: number): void {
    if (index === 0) {
      this.sendHead(this.sequences.length === 1 ? sequence.cachedTokens : undefined);
      this.#writer.write(voice.opening);
      this.startOthers();
    }
    const { plan } = sequence;
    const reasons = voice.reasoning !== null && index < plan.thinkingTokens;
    const last = index === plan.tokens - 1;
    const text = plan.text(index);
    const { returnTokenIds, continuousUsage, logprobs } = this.#request;
    // What shows nothing (a mark of the reasoning, the beginning of a stop string) goes out for what comes with it alone.
    if (text === "" && !last && !returnTokenIds && logprobs === null) return;
    const extras: ChunkExtras = {};
    if (last) extras.finishReason = plan.finishReason;
    if (returnTokenIds) extras.tokenIds = [plan.id(index)];
    if (continuousUsage) extras.completionTokens = sequence.emitted;
    if (logprobs !== null) extras.logprobs = this.#logprobs(voice, sequence, index);
    voice.textOffset += text.length;
    this.#writer.write((reasons ? voice.reasoning! : voice.content).token(text, extras));
  }

  #logprobs(voice: Voice, { plan }: Sequence, index: number): string {
    const { tokenizer } = this.context.running.worker.settings;
    const count = this.#request.logprobs ?? 0;
    return asciiJson(
      this.#request.kind === "chat"
        ? chatLogprobs(plan, index, index + 1, count, tokenizer)
        : completionLogprobs(plan, index, index + 1, count, tokenizer, voice.textOffset),
    );
  }

  /** The head of the response; with the first token at the latest, when it is known what of the prompt was cached. */
  sendHead(cachedTokens?: number): void {
    if (this.#begun) return;
    this.#begun = true;
    this.#heads.delete(this);
    this.#writer.begin(200, {
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-cache",
      [HEADERS.requestId]: this.#requestId,
      [HEADERS.workerId]: this.context.running.id,
      ...(cachedTokens === undefined ? {} : { [HEADERS.cachedTokens]: String(cachedTokens) }),
    });
  }

  protected complete(): void {
    this.sendHead();
    if (this.#request.includeUsage) this.#writer.write(this.#voices[0]!.content.usage(this.usage()));
    this.#writer.write(STREAM_DONE);
    this.#writer.end();
  }

  protected fail(error: OpenAiError): void {
    this.#heads.delete(this);
    if (this.#begun) {
      this.#writer.write(error.event());
    } else {
      const body = asciiJson(error.body());
      this.#writer.begin(error.status, {
        ...error.headers,
        "content-type": "application/json; charset=utf-8",
        [HEADERS.requestId]: this.#requestId,
        [HEADERS.workerId]: this.context.running.id,
      });
      this.#writer.write(body);
    }
    this.#writer.end();
  }

  override abort(): void {
    this.#heads.delete(this);
    super.abort();
  }

  #voice({ index, plan, promptTokens }: Sequence, echo: string): Voice {
    const { kind, includeUsage, continuousUsage, returnTokenIds } = this.#request;
    const options = {
      ...this.identity,
      index,
      endpoint: kind,
      includeUsage,
      ...(continuousUsage ? { continuous: { promptTokens: promptTokens.length } } : {}),
    };
    const content = chunkTemplate(plan.tool === null ? options : { ...options, field: "arguments", tool: plan.tool });
    const reasons = kind === "chat" && plan.thinkingTokens > 0;
    const reasoning = reasons ? chunkTemplate({ ...options, field: "reasoning_content" }) : null;
    const role = returnTokenIds ? withPromptTokenIds(content.role, promptTokens) : content.role;
    const opening = role + (echo === "" ? "" : content.token(echo, continuousUsage ? { completionTokens: 0 } : {}));
    return { content, reasoning, opening, textOffset: echo.length };
  }
}

/** vLLM tells the prompt's ids in the first chunk. */
function withPromptTokenIds(chunk: string, ids: Int32Array): string {
  return chunk.replace(/\}\n\n$/, `,"prompt_token_ids":[${ids.join(",")}]}\n\n`);
}
