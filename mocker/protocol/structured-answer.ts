import { type Tokenizer, type WordStream, wordStream } from "#mocker/text";
import type { FinishReason } from "./bodies.ts";
import { jsonExample } from "./json-example.ts";
import type { ChatRequest, CompletionRequest, FunctionTool, JsonSchema } from "./requests.ts";
import { hexDigits, pick } from "./seeds.ts";

/** More words than these are not filled in: one request may not keep the process busy. */
const MOST_FILLED_TOKENS = 16_384;

/** An answer that is not free text. */
export interface StructuredAnswer {
  text: string;
  /** The text is the arguments of a call of this function. */
  tool: { id: string; name: string } | null;
  /** Why it ends where it is said to its end: cut off before, it ends with `length`. */
  finishReason: FinishReason;
}

/**
 * What a mock model says where a request asks for more than words: the arguments of a function that has to be called, JSON of
 * a schema, one of several choices; null where words will do. Strings that may hold anything are filled with words until the
 * whole has `wantedTokens` under the tokenizer: exactly so many as a rule, fewer where there is nothing to fill, more where the
 * shortest form has more already (and never more than 16 384 by filling). The tokens of a call are those of its arguments, without its name.
 * @param wantedTokens 0 for the shortest form
 */
export function structuredAnswer(
  request: ChatRequest | CompletionRequest,
  tokenizer: Tokenizer,
  seed: number | string,
  wantedTokens: number,
): StructuredAnswer | null {
  const called = request.kind === "chat" ? calledTool(request, seed) : null;
  if (called !== null) {
    const text = filledJson(called.parameters, tokenizer, seed, wantedTokens);
    return { text, tool: { id: `call_${hexDigits(seed, 24)}`, name: called.name }, finishReason: "tool_calls" };
  }
  const { format } = request;
  if (format.type === "json") {
    return { text: filledJson(format.schema, tokenizer, seed, wantedTokens), tool: null, finishReason: "stop" };
  }
  if (format.type === "choice") {
    return { text: pick(format.choices, seed), tool: null, finishReason: "stop" };
  }
  return null;
}

function calledTool(request: ChatRequest, seed: number | string): FunctionTool | null {
  const { toolChoice, tools } = request;
  if (toolChoice.type === "named") return tools.find((tool) => tool.name === toolChoice.name) ?? null;
  return toolChoice.type === "required" && tools.length > 0 ? pick(tools, seed) : null;
}

function filledJson(schema: JsonSchema, tokenizer: Tokenizer, seed: number | string, wantedTokens: number): string {
  const words = wordStream(tokenizer, seed);
  let extra = 0;
  let best = exampleText(schema, words, extra);
  const wanted = Math.min(wantedTokens, MOST_FILLED_TOKENS);
  let missing = wanted - tokenizer.encode(best.text).length;
  // A word more is a token more, but for what tokenizers do at the edges of a string: a few rounds settle it.
  for (let round = 0; round < 6 && missing !== 0 && best.slots > 0 && extra + missing > 0; round++) {
    extra += missing;
    const next = exampleText(schema, words, extra);
    const left = wanted - tokenizer.encode(next.text).length;
    if (Math.abs(left) >= Math.abs(missing) && left < 0) break;
    best = next;
    missing = left;
  }
  return best.text;
}

/** The example with so many words in its free strings beyond one for each, spread evenly. */
function exampleText(schema: JsonSchema, words: WordStream, extra: number): { text: string; slots: number } {
  const slots = countSlots(schema);
  let index = 0;
  let slot = 0;
  const word = (): string => words.text(index++).trim();
  const free = (): string => {
    const share = Math.floor(extra / slots) + (slot < extra % slots ? 1 : 0);
    slot++;
    return Array.from({ length: 1 + share }, word).join(" ");
  };
  return { text: JSON.stringify(jsonExample(schema, { word, free })), slots };
}

function countSlots(schema: JsonSchema): number {
  let slots = 0;
  const free = (): string => {
    slots++;
    return "";
  };
  jsonExample(schema, { word: () => "a", free });
  return slots;
}
