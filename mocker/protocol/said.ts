import type { Tokenizer } from "#mocker/text";
import type { FinishReason } from "./bodies.ts";

/** Tokens that a model says. */
export interface SaidTokens {
  id(index: number): number;
  /** What it adds to the text. Not escaped for JSON. */
  text(index: number): string;
}

/** So many of them, and why they end. */
export interface SaidText extends SaidTokens {
  tokens: number;
  finishReason: FinishReason;
}

/** A text as tokens; of more than `most` the rest is cut off. @param complete finish reason of one that is not */
export function saidText(text: string, tokenizer: Tokenizer, most: number, complete: FinishReason): SaidText {
  const ids = tokenizer.encode(text);
  const pieces = piecesOf(text, ids, tokenizer);
  // Even nothing takes a token: the one that says so.
  const tokens = Math.max(1, Math.min(most, ids.length));
  return {
    tokens,
    finishReason: tokens < ids.length ? "length" : complete,
    id: (index) => ids[index] ?? 0,
    text: (index) => pieces[index] ?? "",
  };
}

/** Texts of the tokens, which join to the whole. */
function piecesOf(text: string, ids: Int32Array, tokenizer: Tokenizer): string[] {
  const decoded = Array.from(ids, (id) => tokenizer.decode([id]));
  if (decoded.join("") === text) return decoded;
  const found = foundPieces(text, decoded);
  if (found !== null) return found;
  const each = text.length / Math.max(1, ids.length);
  return Array.from(ids, (_, i) => text.slice(Math.round(i * each), Math.round((i + 1) * each)));
}

/** Tokens that are decoded without their spaces, or with marks and in lower case, looked up in the text one after the other. */
function foundPieces(text: string, decoded: readonly string[]): string[] | null {
  const lower = text.toLowerCase();
  const pieces: string[] = [];
  let at = 0;
  for (const [i, token] of decoded.entries()) {
    const bare = token
      .trim()
      .replace(/^##(?=.)/, "")
      .toLowerCase();
    const start = lower.indexOf(bare, at);
    // Only spaces may stand between one token and the next.
    if (start === -1 || lower.slice(at, start).trim() !== "") return null;
    const end = i === decoded.length - 1 ? text.length : start + bare.length;
    pieces.push(text.slice(at, end));
    at = end;
  }
  return pieces;
}
