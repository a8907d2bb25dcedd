import { type Tokenizer, wordStream } from "#mocker/text";
import type { SaidTokens } from "./said.ts";

/** Made-up log-probabilities: the same token at the same place always has the same one, between −2 and 0. */
function logprobOf(id: number, index: number): number {
  const bits = Math.imul(id ^ Math.imul(index + 1, 0x9e_37_79_b1), 0x85_eb_ca_6b) >>> 0;
  return -Math.round((bits / 2 ** 32) * 20_000) / 10_000;
}

/** The token itself, then words that might have stood in its place, each less likely than the one before. */
function alternatives(said: SaidTokens, index: number, count: number, tokenizer: Tokenizer) {
  const own = logprobOf(said.id(index), index);
  const words = wordStream(tokenizer, `alternatives ${said.id(index)}`);
  return Array.from({ length: count }, (_, i) =>
    i === 0
      ? { token: said.text(index), logprob: own }
      : { token: words.text(i), logprob: Math.round((own - 2 - i) * 10_000) / 10_000 },
  );
}

/** `logprobs` of a chat's choice, of tokens [from, to). @param count alternatives to list */
export function chatLogprobs(said: SaidTokens, from: number, to: number, count: number, tokenizer: Tokenizer) {
  const content = [];
  for (let index = from; index < to; index++) {
    const token = said.text(index);
    const top = alternatives(said, index, count, tokenizer);
    content.push({
      token,
      logprob: logprobOf(said.id(index), index),
      bytes: Array.from(Buffer.from(token)),
      top_logprobs: top.map((one) => ({ ...one, bytes: Array.from(Buffer.from(one.token)) })),
    });
  }
  return { content, refusal: null };
}

/**
 * `logprobs` of a completion's choice, of tokens [from, to).
 * @param count alternatives to list
 * @param textOffset characters of the choice's text before token `from`
 */
export function completionLogprobs(
  said: SaidTokens,
  from: number,
  to: number,
  count: number,
  tokenizer: Tokenizer,
  textOffset = 0,
) {
  const tokens: string[] = [];
  const textOffsets: number[] = [];
  let offset = textOffset;
  for (let index = from; index < to; index++) {
    tokens.push(said.text(index));
    textOffsets.push(offset);
    offset += said.text(index).length;
  }
  return {
    text_offset: textOffsets,
    token_logprobs: tokens.map((_, i) => logprobOf(said.id(from + i), from + i)),
    tokens,
    top_logprobs:
      count === 0
        ? null
        : tokens.map((_, i) =>
            Object.fromEntries(alternatives(said, from + i, count, tokenizer).map((one) => [one.token, one.logprob])),
          ),
  };
}
