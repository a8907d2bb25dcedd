import { thinkingTokens } from "#mocker/engine";
import { type Tokenizer, tokensSeed, wordStream } from "#mocker/text";
import type { ChatRequest, CompletionRequest } from "./requests.ts";
import { type SaidText, saidText } from "./said.ts";
import { hexDigits } from "./seeds.ts";
import { cutAtStop } from "./stop.ts";
import { structuredAnswer } from "./structured-answer.ts";

/** What a mock model says to one choice of a request, known before it is said. At least one token. */
export interface Answer extends SaidText {
  /** The text (after the thinking) is the arguments of a call of this function. */
  tool: { id: string; name: string } | null;
  /** So many tokens at the beginning are reasoning. The first and the last of them mark it and have no text. */
  thinkingTokens: number;
}

export interface AnswerOptions {
  tokenizer: Tokenizer;
  promptTokens: Int32Array;
  requestId: string;
  /** Among the choices for this prompt. */
  choice: number;
  /** Mean length where the request leaves it open. */
  defaultOutputTokens: number;
  /** As many as the model's context has left; absent: any number. */
  roomTokens?: number;
  /** Share of the output that is reasoning, as Dynamo's mocker has it. */
  thinkingRatio?: number;
}

/**
 * Plans an answer. With `max_tokens` it has exactly that many tokens and ends with `length`; without, it has a number drawn
 * between half and one and a half times the default, and ends with `stop`. Stop strings end it where they occur in it. Equal
 * prompts with equal seeds (or with temperature 0) get equal answers, on every machine; others are drawn by request id.
 *
 * A call of a function or JSON of a schema is made of real tokens too: strings that may hold anything are filled with words
 * until the JSON has `max_tokens` (else `min_tokens`) tokens, and ends with `tool_calls` or `stop`. Where it has nothing to fill
 * it is shorter; where it can't be that short it is cut, and ends with `length`. The tokens of a call are those of its arguments.
 */
export function planAnswer(request: ChatRequest | CompletionRequest, options: AnswerOptions): Answer {
  const { tokenizer } = options;
  const seed = answerSeed(request, options);
  const room = options.roomTokens ?? Number.POSITIVE_INFINITY;
  const asked = request.maxTokens ?? Math.max(request.minTokens, drawnLength(seed, options.defaultOutputTokens));
  const wanted = Math.max(1, Math.min(room, asked));
  const thinking = thinkingTokens(wanted, options.thinkingRatio ?? 0);
  const contentTokens = wanted - thinking;
  const fill = request.maxTokens === null ? Math.min(room, request.minTokens) - thinking : contentTokens;
  const structured = contentTokens > 0 ? structuredAnswer(request, tokenizer, seed, Math.max(0, fill)) : null;
  let content: SaidText;
  if (structured !== null) {
    const most = request.maxTokens === null ? room - thinking : contentTokens;
    content = saidText(structured.text, tokenizer, most, structured.finishReason);
  } else {
    const words = wordStream(tokenizer, seed);
    const finishReason = request.maxTokens === null && asked <= room ? "stop" : "length";
    const whole: SaidText = { tokens: contentTokens, finishReason, id: words.id, text: words.text };
    content = cutAtStop(whole, request, request.minTokens - thinking);
  }
  const tool = structured?.tool ?? null;
  if (thinking === 0) return { ...content, tool, thinkingTokens: thinking };
  const thoughts = wordStream(tokenizer, `${seed}/thoughts`);
  return {
    tokens: thinking + content.tokens,
    finishReason: content.finishReason,
    tool,
    thinkingTokens: thinking,
    id: (index) => (index < thinking ? thoughts.id(index) : content.id(index - thinking)),
    text: (index) => {
      if (index >= thinking) return content.text(index - thinking);
      return index === 0 || index === thinking - 1 ? "" : thoughts.text(index);
    },
  };
}

function answerSeed(request: ChatRequest | CompletionRequest, options: AnswerOptions): string {
  const prompt = tokensSeed(options.promptTokens);
  if (request.seed !== null) return `seed ${request.seed}/${prompt}/${options.choice}`;
  if (request.temperature === 0) return `greedy/${prompt}/${options.choice}`;
  return `${options.requestId}/${prompt}/${options.choice}`;
}

function drawnLength(seed: string, mean: number): number {
  const uniform = Number.parseInt(hexDigits(`${seed}/length`, 8), 16) / 2 ** 32;
  return Math.max(1, Math.round(mean * (0.5 + uniform)));
}
