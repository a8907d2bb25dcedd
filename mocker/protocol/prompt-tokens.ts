import { type Tokenizer, wordStream } from "#mocker/text";
import { invalidRequest } from "./errors.ts";
import type { ChatRequest, PromptSource } from "./requests.ts";

/**
 * The tokens of a chat: those of its tools' definitions, then of each message's content, one after the other. A chat
 * template's own tokens and the roles are not counted, so that a prompt has exactly the tokens that its client put in; each
 * part is tokenised by itself, so that a conversation's next turn begins with the tokens of the turn before. An image has as
 * many tokens as its part says, of its own by its URL.
 */
export function chatPromptTokens(request: ChatRequest, tokenizer: Tokenizer): Int32Array {
  const pieces: Int32Array[] = request.tools.map((tool) => tokenizer.encode(JSON.stringify(tool.source)));
  for (const { parts } of request.messages) {
    for (const part of parts) {
      pieces.push(part.type === "text" ? tokenizer.encode(part.text) : imageTokens(part.url, part.tokens, tokenizer));
    }
  }
  if (pieces.length === 1 && pieces[0]!.length > 0) return pieces[0]!;
  const tokens = new Int32Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    tokens.set(piece, at);
    at += piece.length;
  }
  return neverEmpty(tokens);
}

/** The tokens of a prompt of `/v1/completions` or an input of `/v1/embeddings`. @throws OpenAiError 400 for unknown ids */
export function promptTokens(prompt: PromptSource, tokenizer: Tokenizer, param: "prompt" | "input"): Int32Array {
  if (typeof prompt === "string") return neverEmpty(tokenizer.encode(prompt));
  for (const id of prompt) {
    if (id >= tokenizer.vocabSize) throw invalidRequest(`Token id ${id} is out of vocabulary.`, param);
  }
  return neverEmpty(prompt);
}

/** A model begins even an empty prompt with a token. */
function neverEmpty(tokens: Int32Array): Int32Array {
  return tokens.length > 0 ? tokens : new Int32Array(1);
}

function imageTokens(url: string, count: number, tokenizer: Tokenizer): Int32Array {
  const words = wordStream(tokenizer, url);
  return Int32Array.from({ length: count }, (_, i) => words.id(i));
}
