import { readFile, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Tokenizer as HuggingFace } from "@huggingface/tokenizers";
import { ENGLISH_WORDS } from "./english.ts";
import { tokenizerInvalid, tokenizerTooFewWords, tokenizerUnreadable, tokenizerUnsupported } from "./errors.ts";
import type { Tokenizer, Word } from "./types.ts";
import { encodesByWords, wordCachedEncoder } from "./word-cache.ts";

/** As many English words suffice; with fewer, the vocabulary is searched for others. */
const ENOUGH_ENGLISH = 256;
const ENOUGH_WORDS = 1000;
const FEWEST_WORDS = 32;
const READABLE = /^[\p{L}\p{M}]{2,14}$/u;

/**
 * Loads a model's own tokenizer from its `tokenizer.json`, or from a folder that holds one (with `tokenizer_config.json`
 * beside it where there is one). Nothing is fetched. Special tokens are not added to encoded text.
 * @throws UserError where the file is absent, is none, or needs parts that can't be run
 */
export async function loadTokenizer(path: string): Promise<Tokenizer> {
  const file = await tokenizerFile(path);
  const parts = tokenizerParts(file, await readJson(file));
  const config = await readOptionalJson(join(dirname(file), "tokenizer_config.json"));
  let inner: HuggingFace;
  try {
    inner = new HuggingFace(parts, config);
  } catch (error) {
    throw tokenizerUnsupported(file, messageOf(error), error);
  }
  try {
    return wrapped(file, inner);
  } catch (error) {
    if (error instanceof TypeError || error instanceof RangeError || error instanceof SyntaxError) {
      throw tokenizerUnsupported(file, messageOf(error), error);
    }
    throw error;
  }
}

async function tokenizerFile(path: string): Promise<string> {
  try {
    return (await stat(path)).isDirectory() ? join(path, "tokenizer.json") : path;
  } catch (error) {
    throw tokenizerUnreadable(path, "there is no such file or folder", error);
  }
}

async function readJson(file: string): Promise<unknown> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    const absent = error instanceof Error && "code" in error && error.code === "ENOENT";
    throw tokenizerUnreadable(file, absent ? "the folder holds no such file" : messageOf(error), error);
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    throw tokenizerUnreadable(file, `it is not JSON (${messageOf(error)})`, error);
  }
}

async function readOptionalJson(file: string): Promise<object> {
  const there = await stat(file).then(
    () => true,
    () => false,
  );
  if (!there) return {};
  const config = await readJson(file);
  if (typeof config !== "object" || config === null) throw tokenizerInvalid(file, typeof config, "an object");
  return config;
}

/** The file's content with the parts that may be left out as null. */
function tokenizerParts(file: string, content: unknown): object {
  if (typeof content !== "object" || content === null || Array.isArray(content)) {
    throw tokenizerInvalid(file, Array.isArray(content) ? "an array" : String(content), "an object");
  }
  const model = "model" in content ? content.model : undefined;
  if (typeof model !== "object" || model === null || !("vocab" in model)) {
    throw tokenizerInvalid(file, `the keys ${Object.keys(content).slice(0, 8).join(", ") || "none"}`, "model.vocab");
  }
  const optional = { normalizer: null, pre_tokenizer: null, post_processor: null, decoder: null, added_tokens: [] };
  return { ...optional, ...content };
}

function wrapped(file: string, inner: HuggingFace): Tokenizer {
  const encode = (text: string): Int32Array =>
    text === "" ? new Int32Array(0) : Int32Array.from(idsOf(inner, text), (id) => id ?? 0);
  const vocabulary = inner.get_vocab();
  let vocabSize = 0;
  for (const id of vocabulary.values()) vocabSize = Math.max(vocabSize, id + 1);
  const decode = (ids: ArrayLike<number>): string => {
    const known = Array.from(ids).filter((id) => inner.id_to_token(id) !== undefined);
    if (known.length === 0) return "";
    return inner.decode(known, { skip_special_tokens: false, clean_up_tokenization_spaces: false });
  };
  const { words, prependsSpace } = findWords(file, encode, decode, vocabSize);
  const cached = wordCachedEncoder(encode, prependsSpace);
  const texts = words.map((word) => word.text);
  // A special token of several words may not be cut.
  const whole = inner
    .get_added_tokens_decoder()
    .values()
    .some((token: { content: string }) => /\S \S/.test(token.content));
  const fast = !whole && encodesByWords(encode, cached, texts);
  return { name: file, vocabSize, encode: fast ? cached : encode, decode, words, prependsSpace };
}

/** Where a vocabulary lacks even its unknown token there is none. */
function idsOf(inner: HuggingFace, text: string): (number | undefined)[] {
  return inner.encode(text, { add_special_tokens: false }).ids;
}

interface FoundWords {
  words: Word[];
  prependsSpace: boolean;
}

function findWords(
  file: string,
  encode: Tokenizer["encode"],
  decode: Tokenizer["decode"],
  vocabSize: number,
): FoundWords {
  const words = new Map<number, Word>();
  // A word before the one that is looked at, so that it doesn't stand at the start of its text.
  const anchor = encode("so a");
  const consider = (word: string): void => {
    const ids = encode(`so a ${word}`);
    const id = ids[anchor.length];
    if (id === undefined || ids.length !== anchor.length + 1 || anchor.some((token, i) => token !== ids[i])) return;
    if (!words.has(id)) words.set(id, { id, text: ` ${word}` });
  };
  for (const word of ENGLISH_WORDS) consider(word);
  for (let id = 0; id < vocabSize && words.size < ENOUGH_ENGLISH; id++) {
    const word =
      decode([...anchor, id])
        .split(" ")
        .at(-1) ?? "";
    if (READABLE.test(word) && decode([id]).trim() === word) consider(word);
  }
  return verified(file, encode, [...words.values()].slice(0, ENOUGH_WORDS));
}

/** Keeps the words that hold what a word promises: in another order and at the start of a text they are the same tokens. */
function verified(file: string, encode: Tokenizer["encode"], found: Word[]): FoundWords {
  let words = found;
  for (let round = 0; round < 8; round++) {
    if (words.length < FEWEST_WORDS) break;
    const order = shuffled(words, round);
    const text = order.map((word) => word.text).join("");
    const expected = order.map((word) => word.id);
    const asIs = firstDifference(encode(text), expected);
    if (asIs === -1) return { words, prependsSpace: false };
    const bare = firstDifference(encode(text.slice(1)), expected);
    if (bare === -1) return { words, prependsSpace: true };
    const culprit = order[Math.max(asIs, bare)];
    words = words.filter((word) => word !== culprit && word !== order[Math.max(asIs, bare) - 1]);
  }
  throw tokenizerTooFewWords(file, words.length < FEWEST_WORDS ? words.length : 0, FEWEST_WORDS);
}

function shuffled(words: readonly Word[], round: number): Word[] {
  // A step that is prime to the count visits every word once.
  let step = 7 + 30 * round;
  while (gcd(step, words.length) !== 1) step++;
  return words.map((_, i) => words[(i * step + round) % words.length]!);
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b);
}

function firstDifference(ids: Int32Array, expected: readonly number[]): number {
  for (let i = 0; i < Math.max(ids.length, expected.length); i++) if (ids[i] !== expected[i]) return i;
  return -1;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
