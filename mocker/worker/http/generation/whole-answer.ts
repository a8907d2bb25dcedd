import {
  type ChatRequest,
  type ChoiceContent,
  type CompletionRequest,
  chatCompletionBody,
  chatLogprobs,
  completionBody,
  completionLogprobs,
  type OpenAiError,
  type ResponseExtras,
  type ResponseIdentity,
} from "#mocker/protocol";
import type { WorkerContext } from "../context.ts";
import { Answer } from "./answer.ts";
import type { Sequence } from "./sequence.ts";

export type WholeBody = ReturnType<typeof chatCompletionBody> | ReturnType<typeof completionBody>;

/** An answer that is given when all of it is there. */
export class WholeAnswer extends Answer {
  /** Rejects with an OpenAiError. */
  readonly body: Promise<WholeBody>;
  readonly #request: ChatRequest | CompletionRequest;
  #echoes: readonly string[] = [];
  #resolve: (body: WholeBody) => void = () => {};
  #reject: (error: OpenAiError) => void = () => {};

  constructor(context: WorkerContext, identity: ResponseIdentity, request: ChatRequest | CompletionRequest) {
    super(context, identity);
    this.#request = request;
    this.body = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  override start(sequences: readonly Sequence[], waitForFirst: boolean, echoes: readonly string[] = []): void {
    this.#echoes = echoes;
    super.start(sequences, waitForFirst);
  }

  token(_sequence: Sequence, index: number): void {
    if (index === 0) this.startOthers();
  }

  protected complete(): void {
    const choices = this.sequences.map((sequence) => this.#choice(sequence));
    const kvTransfer = this.sequences[0]!.heldParams;
    const extras: ResponseExtras = {
      ...(kvTransfer === null ? {} : { kvTransfer }),
      ...(this.#request.returnTokenIds ? { promptTokenIds: this.sequences[0]!.promptTokens } : {}),
    };
    const body = this.#request.kind === "chat" ? chatCompletionBody : completionBody;
    this.#resolve(body(this.identity, choices, this.usage(), extras));
  }

  protected fail(error: OpenAiError): void {
    this.#reject(error);
  }

  #choice({ index, plan }: Sequence): ChoiceContent {
    const { kind, logprobs, returnTokenIds } = this.#request;
    const { tokenizer } = this.context.running.worker.settings;
    const echo = this.#echoes[index] ?? "";
    const thinking = kind === "chat" ? plan.thinkingTokens : 0;
    const choice: ChoiceContent = {
      text: echo + textOf(plan, thinking, plan.tokens),
      finishReason: plan.finishReason,
    };
    if (plan.tool !== null) choice.tool = plan.tool;
    if (thinking > 0) choice.reasoning = textOf(plan, 0, thinking);
    if (returnTokenIds) choice.tokenIds = Array.from({ length: plan.tokens }, (_, i) => plan.id(i));
    if (logprobs !== null) {
      choice.logprobs =
        kind === "chat"
          ? chatLogprobs(plan, 0, plan.tokens, logprobs, tokenizer)
          : completionLogprobs(plan, 0, plan.tokens, logprobs, tokenizer, echo.length);
    }
    return choice;
  }
}

function textOf(plan: { text(index: number): string }, from: number, to: number): string {
  let text = "";
  for (let index = from; index < to; index++) text += plan.text(index);
  return text;
}
