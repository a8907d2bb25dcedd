import { ENGLISH_WORDS } from "./english.ts";
import type { Tokenizer } from "./types.ts";

/*
 * The built-in tokenizer cuts text as byte-pair encoders of GPT's family do, by a rule in place of a learned vocabulary: up to
 * six letters of one case, up to three digits, a run of one and the same other character, each with the space before it. English
 * comes to about four characters a token. An id is its piece, written as a number, so that every text can be had back:
 *
 *   [0, 0x110000)  one character, by its code point          [LED, …)      the same after a space
 *   [RUN, …)       a run of 2 to 16 of one ASCII character   [DIGITS, …)   one to three digits
 *   [LETTERS, …)   one to six letters, read as a number of base 26
 */
const CODE_POINTS = 0x11_00_00;
const LED = CODE_POINTS;
const RUN = 2 * CODE_POINTS;
const RUN_LENGTHS = 16;
const RUNS = 128 * RUN_LENGTHS;
const DIGITS = RUN + 2 * RUNS;
const DIGIT_GROUPS = 1110;
const LETTERS = DIGITS + 2 * DIGIT_GROUPS;
const MAX_LETTERS = 6;
/** Offsets of letter pieces by length: Σ 26^k of the shorter ones; the last entry is the number of all. */
const LETTER_OFFSETS = [0, 0, 26, 702, 18_278, 475_254, 12_356_630, 321_272_406];
const LETTER_PIECES = 321_272_406;
const DIGIT_OFFSETS = [0, 0, 10, 110];
/** 1 929 868 976 < 2³¹: an id fits a signed 32-bit integer. */
const VOCABULARY = LETTERS + 6 * LETTER_PIECES;

const SPACE = 32;
const OTHER = 0;
const LOWER = 1;
const UPPER = 2;
const DIGIT = 3;
const BLANK = 4;
const KINDS = new Uint8Array(128);
for (let c = 97; c <= 122; c++) KINDS[c] = LOWER;
for (let c = 65; c <= 90; c++) KINDS[c] = UPPER;
for (let c = 48; c <= 57; c++) KINDS[c] = DIGIT;
for (const c of [9, 10, 11, 12, 13, SPACE]) KINDS[c] = BLANK;

/** Cases of a letter piece. */
const SMALL = 0;
const CAPITALISED = 1;
const CAPITALS = 2;

/** Texts are encoded into this, longer ones into room of their own. */
const scratch = new Int32Array(65_536);

/**
 * The tokenizer that needs no file: deterministic, invertible (`decode(encode(text)) === text`), and fast. Ids that no text
 * has decode to U+FFFD.
 */
export function builtinTokenizer(): Tokenizer {
  return BUILTIN;
}

const BUILTIN: Tokenizer = {
  name: "builtin",
  vocabSize: VOCABULARY,
  encode,
  decode,
  words: ENGLISH_WORDS.map((word) => ({ id: encode(` ${word}`)[0]!, text: ` ${word}` })),
};

function kindAt(text: string, at: number): number {
  const c = text.charCodeAt(at);
  return c < 128 ? KINDS[c]! : OTHER;
}

function encode(text: string): Int32Array {
  const end = text.length;
  const out = end <= scratch.length ? scratch : new Int32Array(end);
  let count = 0;
  let at = 0;
  while (at < end) {
    let kind = kindAt(text, at);
    let led = 0;
    if (text.charCodeAt(at) === SPACE && at + 1 < end) {
      const next = kindAt(text, at + 1);
      if (next !== BLANK) {
        led = 1;
        kind = next;
        at++;
      }
    }
    const start = at;
    if (kind === LOWER) {
      let value = 0;
      const stop = Math.min(end, at + MAX_LETTERS);
      do value = value * 26 + text.charCodeAt(at++) - 97;
      while (at < stop && kindAt(text, at) === LOWER);
      out[count++] = LETTERS + (led * 3 + SMALL) * LETTER_PIECES + LETTER_OFFSETS[at - start]! + value;
    } else if (kind === UPPER) {
      let value = text.charCodeAt(at++) - 65;
      const stop = Math.min(end, start + MAX_LETTERS);
      const rest = at < stop ? kindAt(text, at) : OTHER;
      const base = rest === UPPER ? 65 : 97;
      if (rest === UPPER || rest === LOWER) {
        do value = value * 26 + text.charCodeAt(at++) - base;
        while (at < stop && kindAt(text, at) === rest);
      }
      const letterCase = rest === UPPER ? CAPITALS : CAPITALISED;
      out[count++] = LETTERS + (led * 3 + letterCase) * LETTER_PIECES + LETTER_OFFSETS[at - start]! + value;
    } else if (kind === DIGIT) {
      let value = 0;
      const stop = Math.min(end, at + 3);
      do value = value * 10 + text.charCodeAt(at++) - 48;
      while (at < stop && kindAt(text, at) === DIGIT);
      out[count++] = DIGITS + led * DIGIT_GROUPS + DIGIT_OFFSETS[at - start]! + value;
    } else {
      const c = text.codePointAt(at)!;
      at += c > 0xff_ff ? 2 : 1;
      if (c < 128) {
        const stop = Math.min(end, start + RUN_LENGTHS);
        while (at < stop && text.charCodeAt(at) === c) at++;
        // The last space of several belongs to the word that it stands before.
        if (c === SPACE && at - start > 1 && at < end && kindAt(text, at) !== BLANK) at--;
      }
      const length = at - start;
      if (length > 1 && c < 128) out[count++] = RUN + led * RUNS + c * RUN_LENGTHS + length - 1;
      else out[count++] = led * LED + c;
    }
  }
  return out.slice(0, count);
}

function decode(ids: ArrayLike<number>): string {
  let text = "";
  for (let i = 0; i < ids.length; i++) text += piece(ids[i]!);
  return text;
}

function piece(id: number): string {
  if (!(id >= 0 && id < VOCABULARY)) return "\ufffd";
  if (id < LED) return String.fromCodePoint(id);
  if (id < RUN) return ` ${String.fromCodePoint(id - LED)}`;
  if (id < DIGITS) {
    const code = (id - RUN) % RUNS;
    const run = String.fromCharCode(Math.floor(code / RUN_LENGTHS)).repeat((code % RUN_LENGTHS) + 1);
    return id - RUN >= RUNS ? ` ${run}` : run;
  }
  if (id < LETTERS) {
    const code = (id - DIGITS) % DIGIT_GROUPS;
    const length = code < 10 ? 1 : code < 110 ? 2 : 3;
    const digits = String(code - DIGIT_OFFSETS[length]!).padStart(length, "0");
    return id - DIGITS >= DIGIT_GROUPS ? ` ${digits}` : digits;
  }
  return letters(id - LETTERS);
}

function letters(code: number): string {
  const variant = Math.floor(code / LETTER_PIECES);
  let value = code % LETTER_PIECES;
  let length = 1;
  while (value >= LETTER_OFFSETS[length + 1]!) length++;
  value -= LETTER_OFFSETS[length]!;
  let word = "";
  for (let i = 0; i < length; i++) {
    word = String.fromCharCode(97 + (value % 26)) + word;
    value = Math.floor(value / 26);
  }
  const letterCase = variant % 3;
  if (letterCase === CAPITALS) word = word.toUpperCase();
  else if (letterCase === CAPITALISED) word = word.charAt(0).toUpperCase() + word.slice(1);
  return variant >= 3 ? ` ${word}` : word;
}
