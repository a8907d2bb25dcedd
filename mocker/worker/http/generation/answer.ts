import {
  OpenAiError,
  type ResponseIdentity,
  serverError,
  serviceUnavailable,
  type Usage,
  usageOf,
} from "#mocker/protocol";
import type { WorkerContext } from "../context.ts";
import type { Sequence, SequenceOwner } from "./sequence.ts";

/** What all answers share: their sequences, and how many of them are under way. */
export abstract class Answer implements SequenceOwner {
  readonly identity: ResponseIdentity;
  protected readonly context: WorkerContext;
  protected sequences: readonly Sequence[] = [];
  #left = 0;
  #over = false;

  constructor(context: WorkerContext, identity: ResponseIdentity) {
    this.context = context;
    this.identity = identity;
  }

  /** Hands the sequences to the engine. Further choices of a prompt that travels here wait until its blocks have come. */
  start(sequences: readonly Sequence[], waitForFirst: boolean): void {
    this.sequences = sequences;
    this.#left = sequences.length;
    const { worker } = this.context.running;
    for (const sequence of waitForFirst ? sequences.slice(0, 1) : sequences) sequence.start(worker);
  }

  abstract token(sequence: Sequence, index: number): void;
  /** All sequences have ended. */
  protected abstract complete(): void;
  /** Nothing more will come but this error. */
  protected abstract fail(error: OpenAiError): void;

  ended(_sequence: Sequence): void {
    if (--this.#left > 0 || this.#over) return;
    this.#over = true;
    this.complete();
  }

  failed(_sequence: Sequence, reason: string, kind: "rejected" | "handoff" | "stopped"): void {
    if (this.#over) return;
    this.#abortAll();
    this.fail(asOpenAiError(reason, kind));
  }

  /** The client is gone. */
  abort(): void {
    if (!this.#over) this.#abortAll();
  }

  /** Choices that wait for the first one's prompt may start. */
  protected startOthers(): void {
    const { worker } = this.context.running;
    for (const sequence of this.sequences) if (!sequence.started) sequence.start(worker);
  }

  /** Prompts count once, however many choices they have. */
  protected usage(): Usage {
    const prompts = new Map<Int32Array, { tokens: number; cached: number }>();
    let completionTokens = 0;
    let reasoningTokens = 0;
    for (const sequence of this.sequences) {
      const { promptTokens } = sequence;
      // The first choice computes the prompt; what the others find is its work.
      if (!prompts.has(promptTokens)) {
        prompts.set(promptTokens, { tokens: promptTokens.length, cached: sequence.cachedTokens });
      }
      completionTokens += sequence.emitted;
      reasoningTokens += Math.min(sequence.emitted, sequence.plan.thinkingTokens);
    }
    let tokens = 0;
    let cached = 0;
    for (const prompt of prompts.values()) {
      tokens += prompt.tokens;
      cached += prompt.cached;
    }
    const { options, running } = this.context;
    const reasons = options.reasoningMarks !== null || running.worker.settings.engine.thinkingRatio > 0;
    return usageOf(tokens, completionTokens, cached, reasons ? reasoningTokens : undefined);
  }

  #abortAll(): void {
    this.#over = true;
    for (const sequence of this.sequences) sequence.abort();
  }
}

function asOpenAiError(reason: string, kind: "rejected" | "handoff" | "stopped"): OpenAiError {
  if (kind === "rejected") {
    return new OpenAiError({
      status: 400,
      type: "invalid_request_error",
      message: `The request can never be served: ${reason}.`,
      code: "context_length_exceeded",
    });
  }
  if (kind === "stopped") return serviceUnavailable(`The worker ended before the answer was complete: ${reason}.`, 1);
  return new OpenAiError({
    ...serverError(),
    status: 502,
    message: `The hand-off failed: ${reason}.`,
    code: "kv_transfer_failed",
  });
}
