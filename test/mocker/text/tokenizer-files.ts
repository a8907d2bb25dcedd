/** Small files in the form of Hugging Face's tokenizer.json, one of each family. */

const WORDS =
  "the of and to in that is was he for it with as his on be at by had not are but from or have an they which one you were " +
  "all her she there would their we him been has when who will no more if out so up said what its about than into them can " +
  "only other time new some could these two may first then do any like my now over such our man me even most made after a";
export const FILE_WORDS: readonly string[] = [...new Set(WORDS.split(" "))];

const PARTS = { version: "1.0", truncation: null, padding: null, post_processor: null };

/** Merges that build each word from its left end on; no others, so that a known word is always one token. */
function leftMerges(words: readonly string[]): [string, string][] {
  const merges = new Map<string, [string, string]>();
  for (const word of words) {
    const units = Array.from(word);
    for (let i = 1; i < units.length; i++) {
      const pair: [string, string] = [units.slice(0, i).join(""), units[i]!];
      merges.set(pair.join("\0"), pair);
    }
  }
  return [...merges.values()];
}

function vocabulary(tokens: Iterable<string>): Record<string, number> {
  return Object.fromEntries([...new Set(tokens)].map((token, id) => [token, id]));
}

/** The characters that GPT-2 writes bytes as. */
function byteCharacters(): string[] {
  const printable = (byte: number) => (byte >= 33 && byte <= 126) || (byte >= 161 && byte !== 173);
  let others = 0;
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(printable(byte) ? byte : 256 + others++));
}

/** As GPT-2, Llama 3 and Qwen have it. */
export function byteLevelBpe() {
  const words = FILE_WORDS.map((word) => `Ġ${word}`);
  const merges = leftMerges(words);
  const vocab = vocabulary([...byteCharacters(), ...merges.map((pair) => pair.join("")), "<|endoftext|>"]);
  const special = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
  return {
    ...PARTS,
    added_tokens: [{ id: vocab["<|endoftext|>"], content: "<|endoftext|>", ...special }],
    normalizer: null,
    pre_tokenizer: { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true },
    decoder: { type: "ByteLevel", add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: { type: "BPE", dropout: null, unk_token: null, fuse_unk: false, vocab, merges },
  };
}

/** As BERT has it: spaces are no part of tokens. */
export function wordPiece() {
  const letters = Array.from("abcdefghijklmnopqrstuvwxyz0123456789.,!?{}:\"'");
  const vocab = vocabulary(["[UNK]", ...letters, ...letters.map((letter) => `##${letter}`), ...FILE_WORDS]);
  return {
    ...PARTS,
    added_tokens: [],
    normalizer: {
      type: "BertNormalizer",
      clean_text: true,
      handle_chinese_chars: true,
      strip_accents: null,
      lowercase: true,
    },
    pre_tokenizer: { type: "BertPreTokenizer" },
    decoder: { type: "WordPiece", prefix: "##", cleanup: true },
    model: {
      type: "WordPiece",
      unk_token: "[UNK]",
      continuing_subword_prefix: "##",
      max_input_chars_per_word: 100,
      vocab,
    },
  };
}

/** As T5 has it. */
export function unigram() {
  const letters = Array.from("▁abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,!?{}:\"'");
  const scores: [string, number][] = [
    ["<unk>", 0],
    ...letters.map((letter): [string, number] => [letter, -10]),
    ...FILE_WORDS.filter((word) => word.length > 1).map((word): [string, number] => [`▁${word}`, -5]),
    ["▁a", -4],
  ];
  return {
    ...PARTS,
    added_tokens: [],
    normalizer: null,
    pre_tokenizer: { type: "Metaspace", replacement: "▁", prepend_scheme: "always", split: true },
    decoder: { type: "Metaspace", replacement: "▁", prepend_scheme: "always", split: true },
    model: { type: "Unigram", unk_id: 0, vocab: scores, byte_fallback: false },
  };
}

/** As Llama 2 has it: a space before each text, even where there is one. */
export function sentencePieceBpe() {
  const words = FILE_WORDS.map((word) => `▁${word}`);
  const bytes = Array.from({ length: 256 }, (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`);
  const letters = Array.from("▁abcdefghijklmnopqrstuvwxyz.,");
  const merges: [string, string][] = [...leftMerges(words), ["▁", "▁"]];
  const vocab = vocabulary(["<unk>", ...bytes, ...letters, ...merges.map((pair) => pair.join(""))]);
  return {
    ...PARTS,
    added_tokens: [],
    normalizer: {
      type: "Sequence",
      normalizers: [
        { type: "Prepend", prepend: "▁" },
        { type: "Replace", pattern: { String: " " }, content: "▁" },
      ],
    },
    pre_tokenizer: null,
    decoder: {
      type: "Sequence",
      decoders: [
        { type: "Replace", pattern: { String: "▁" }, content: " " },
        { type: "ByteFallback" },
        { type: "Fuse" },
        { type: "Strip", content: " ", start: 1, stop: 0 },
      ],
    },
    model: { type: "BPE", dropout: null, unk_token: "<unk>", fuse_unk: true, byte_fallback: true, vocab, merges },
  };
}
