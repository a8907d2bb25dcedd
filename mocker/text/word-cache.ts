/** More than any text has of different words; beyond it the cache begins anew. */
const MAX_ENTRIES = 65_536;
const LONGEST_CACHED = 64;
const SPACE = 32;

/** Characters after which a space and a letter begin a new word under every tokenizer that splits at spaces. */
const BEFORE = new Uint8Array(128);
const LETTER = new Uint8Array(128);
for (const c of "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") LETTER[c.charCodeAt(0)] = 1;
for (let c = 0; c < 128; c++) BEFORE[c] = LETTER[c]!;
for (const c of "0123456789,.;:") BEFORE[c.charCodeAt(0)] = 1;

type Encode = (text: string) => Int32Array;

/**
 * An encoder that remembers the tokens of words, some twenty times as fast on text of common ones. It is right where words
 * are cut apart before they are encoded; `encodesByWords` finds out.
 * @param prependsSpace the encoder puts a space before each text: a word is then encoded without its own
 */
export function wordCachedEncoder(encode: Encode, prependsSpace: boolean): Encode {
  let known = new Map<string, Int32Array>();
  let scratch = new Int32Array(1024);
  const wordTokens = (word: string): Int32Array => {
    if (word.length > LONGEST_CACHED) return encode(prependsSpace ? word.slice(1) : word);
    let tokens = known.get(word);
    if (tokens === undefined) {
      tokens = encode(prependsSpace ? word.slice(1) : word);
      if (known.size >= MAX_ENTRIES) known = new Map();
      known.set(word, tokens);
    }
    return tokens;
  };
  return (text) => {
    let count = 0;
    const add = (tokens: Int32Array): void => {
      if (count + tokens.length > scratch.length) {
        const larger = new Int32Array(2 * (count + tokens.length));
        larger.set(scratch.subarray(0, count));
        scratch = larger;
      }
      if (tokens.length === 1) scratch[count] = tokens[0]!;
      else scratch.set(tokens, count);
      count += tokens.length;
    };
    let start = wordStart(text, 1);
    add(encode(text.slice(0, start)));
    while (start < text.length) {
      const end = wordStart(text, start + 1);
      add(wordTokens(text.slice(start, end)));
      start = end;
    }
    const tokens = scratch.slice(0, count);
    if (scratch.length > MAX_ENTRIES) scratch = new Int32Array(1024);
    return tokens;
  };
}

/** Place of the next space that begins a word, at or after `from` ≥ 1; the text's length where none does. */
function wordStart(text: string, from: number): number {
  for (let at = from; at < text.length - 1; at++) {
    if (text.charCodeAt(at) !== SPACE) continue;
    const before = text.charCodeAt(at - 1);
    const after = text.charCodeAt(at + 1);
    if (before < 128 && BEFORE[before] === 1 && after < 128 && LETTER[after] === 1) return at;
  }
  return text.length;
}

/** Whether the cached encoder does the same as the plain one, on text of these words with what stands between words. */
export function encodesByWords(encode: Encode, cached: Encode, words: readonly string[]): boolean {
  const between = ["", ",", ".", " 17", ":\n", "'s", " (so)", "—", ";", " 3.5", "ized", "  "];
  const text = words.map((word, i) => word + between[i % between.length]!).join("");
  const samples = [text, text.slice(1), text.toUpperCase(), words.join(""), words.join("").slice(1)];
  return samples.every((sample) => {
    const [plain, fast] = [encode(sample), cached(sample)];
    return plain.length === fast.length && plain.every((id, i) => id === fast[i]);
  });
}
