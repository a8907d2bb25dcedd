import type { Tokenizer } from "./types.ts";
import { chosenWord, mix32, seedBits, wordTable } from "./word-stream.ts";

/** What a synthetic prompt is made of: blocks that other prompts may share, then content of its own. */
export interface PromptShape {
  /** Length of the whole prompt. */
  tokens: number;
  /** Names the content of its own, past the blocks: prompts with equal numbers share it. An integer ≥ 0. */
  unique: number;
  /** Integers ≥ 0: equal ids give equal tokens. Block i covers tokens [i × blockTokens, (i + 1) × blockTokens). */
  blockIds?: ArrayLike<number>;
  /** Tokens of a block. */
  blockTokens?: number;
}

/**
 * The tokens of a synthetic prompt: words of the tokenizer, by seed. Blocks with equal ids are equal; those with different ids
 * differ within their first tokens, as a rule in the very first: ids that are less than `words.length` apart always do. The
 * same holds for the prompts' own contents, and no block equals any of those.
 */
export function promptIds(tokenizer: Tokenizer, seed: number | string, shape: PromptShape): Int32Array {
  const { ids } = wordTable(tokenizer);
  const chosen = new Int32Array(shape.tokens);
  eachWord(tokenizer, seed, shape, (word, at) => {
    chosen[at] = ids[word]!;
  });
  return chosen;
}

/** The same prompt as a text that the tokenizer turns into exactly these tokens. */
export function promptText(tokenizer: Tokenizer, seed: number | string, shape: PromptShape): string {
  const { texts } = wordTable(tokenizer);
  let text = "";
  eachWord(tokenizer, seed, shape, (word) => {
    text += texts[word]!;
  });
  return tokenizer.prependsSpace ? text.slice(1) : text;
}

function eachWord(
  tokenizer: Tokenizer,
  seed: number | string,
  shape: PromptShape,
  visit: (word: number, at: number) => void,
): void {
  const table = wordTable(tokenizer);
  const base = table.ids.length;
  const bits = seedBits(seed);
  const blocks = shape.blockIds?.length ?? 0;
  const blockTokens = shape.blockTokens ?? 0;
  let at = 0;
  for (let block = 0; at < shape.tokens; block++) {
    const own = block >= blocks || blockTokens <= 0;
    const id = own ? shape.unique : shape.blockIds![block]!;
    const end = own ? shape.tokens : Math.min(shape.tokens, at + blockTokens);
    // The part's name in digits of base `words`, lowest first, so that neighbours differ in their first token; 33 bits of
    // it, the rest shows in the words that follow.
    let name = (id >>> 0) * 2 + (own ? 1 : 0);
    const partBits = mix32(bits ^ mix32(name | 0) ^ mix32(Math.floor(id / 2 ** 31) + (own ? 7 : 0)));
    let place = 0;
    for (let room = 2 ** 33; room > 1 && at < end; room /= base) {
      visit((name + mix32(bits + place)) % base, at++);
      name = Math.floor(name / base);
      place++;
    }
    for (; at < end; at++) visit(chosenWord(table, partBits, place++), at);
  }
}
