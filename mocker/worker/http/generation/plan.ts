import { type Answer, type ChatRequest, type CompletionRequest, jsonText, planAnswer } from "#mocker/protocol";
import type { Tokenizer } from "#mocker/text";
import type { WorkerContext } from "../context.ts";

/** What a choice is going to say, and how it stands in a JSON string. */
export interface Plan extends Answer {
  /** The text of a token as it stands between quotes, in ASCII. */
  json(index: number): string;
}

export interface PlanOptions {
  promptTokens: Int32Array;
  requestId: string;
  /** Among the choices for this prompt. */
  choice: number;
  /** Tokens that the context has left. */
  roomTokens: number;
}

/** Plans what a worker's model says to one choice of a request. */
export function planChoice(
  context: WorkerContext,
  request: ChatRequest | CompletionRequest,
  options: PlanOptions,
): Plan {
  const { tokenizer, engine } = context.running.worker.settings;
  const { defaultOutputTokens, reasoningMarks, seed } = context.options;
  const answer = planAnswer(request, {
    ...options,
    // Requests that bring no seed differ by their id; a server with another seed says something else.
    requestId: seed === 0 ? options.requestId : `${seed}/${options.requestId}`,
    tokenizer,
    defaultOutputTokens,
    thinkingRatio: engine.thinkingRatio,
  });
  const words = request.format.type === "text" && answer.tool === null;
  const json = words && hasPlainWords(tokenizer) ? answer.text : (index: number) => jsonText(answer.text(index));
  if (answer.thinkingTokens === 0) return { ...answer, json };
  const end = answer.thinkingTokens - 1;
  const id = (index: number) => {
    if (reasoningMarks === null || (index !== 0 && index !== end)) return answer.id(index);
    return index === 0 ? reasoningMarks.startTokenId : reasoningMarks.endTokenId;
  };
  if (request.kind === "chat") return { ...answer, id, json };
  // Completions show the marks as the text that they are.
  const isMark = (index: number) => index === 0 || index === end;
  const text = (index: number) => (isMark(index) ? tokenizer.decode([id(index)]) : answer.text(index));
  return { ...answer, id, text, json: (index) => (isMark(index) ? jsonText(text(index)) : json(index)) };
}

const plainTokenizers = new WeakMap<Tokenizer, boolean>();

/** Whether all words are letters and spaces, so that JSON needs no escapes. */
function hasPlainWords(tokenizer: Tokenizer): boolean {
  let plain = plainTokenizers.get(tokenizer);
  if (plain === undefined) {
    plain = tokenizer.words.every(({ text }) => /^[ A-Za-z]*$/.test(text));
    plainTokenizers.set(tokenizer, plain);
  }
  return plain;
}
