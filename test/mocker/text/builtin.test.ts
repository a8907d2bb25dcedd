import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { builtinTokenizer } from "#mocker/text";

const tokenizer = builtinTokenizer();
const pieces = (text: string): string[] => Array.from(tokenizer.encode(text), (id) => tokenizer.decode([id]));
/** Any string, lone surrogates too; and texts of the characters that pieces are cut at. */
const anyText = fc.oneof(
  fc.string({ unit: "binary", maxLength: 200 }),
  fc.string({ unit: fc.constantFrom(" ", "\n", "a", "Z", "0", ".", "é", "漢", "🎉", "\ud83c"), maxLength: 80 }),
);

describe("built-in tokenizer", () => {
  it("gives back every text from its tokens", () => {
    fc.assert(
      fc.property(anyText, (text) => {
        expect(tokenizer.decode(tokenizer.encode(text))).toBe(text);
      }),
    );
  });

  it("gives every piece an id of its own, within the vocabulary", () => {
    fc.assert(
      fc.property(anyText, (text) => {
        for (const id of tokenizer.encode(text)) {
          expect(id).toBeGreaterThanOrEqual(0);
          expect(id).toBeLessThan(tokenizer.vocabSize);
          expect(Array.from(tokenizer.encode(tokenizer.decode([id])))).toEqual([id]);
        }
      }),
    );
  });

  it("keeps its ids within a signed 32-bit integer", () => {
    expect(tokenizer.vocabSize).toBeLessThan(2 ** 31);
    expect(tokenizer.decode([tokenizer.vocabSize - 1])).toBe(" ZZZZZZ");
  });

  it("cuts text as byte-pair encoders do", () => {
    expect(pieces("Hello, World!")).toEqual(["Hello", ",", " World", "!"]);
    expect(pieces("an internationalization")).toEqual(["an", " intern", "ationa", "lizati", "on"]);
    expect(pieces("camelCase JSON x1234567")).toEqual(["camel", "Case", " JSON", " x", "123", "456", "7"]);
    expect(pieces("if x:\n    return y\n\n```")).toEqual([
      "if",
      " x",
      ":",
      "\n",
      "   ",
      " return",
      " y",
      "\n\n",
      "```",
    ]);
    expect(pieces("漢字 ñ 🎉🎉")).toEqual(["漢", "字", " ñ", " 🎉", "🎉"]);
  });

  it("has about four characters a token in English, as GPT's encoders have", () => {
    const prose =
      "The tokenizer reads a text from left to right and cuts it into short pieces, most of which are words with the space " +
      "before them. Longer words, numbers like 1234 and other things (brackets, say) take several pieces each.";
    const ratio = prose.length / tokenizer.encode(prose).length;
    expect(ratio).toBeGreaterThan(3.3);
    expect(ratio).toBeLessThan(4.8);
  });

  it("decodes ids that no text has to a replacement character", () => {
    expect(tokenizer.decode([-1, tokenizer.vocabSize, 2 ** 31 - 1, Number.NaN])).toBe("\ufffd".repeat(4));
    expect(tokenizer.decode([])).toBe("");
  });

  it("has hundreds of words that are one token each, whatever they follow", () => {
    const { words } = tokenizer;
    expect(words.length).toBeGreaterThan(500);
    expect(new Set(words.map(({ id }) => id)).size).toBe(words.length);
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...words), { maxLength: 60 }), (said) => {
        const ids = tokenizer.encode(said.map(({ text }) => text).join(""));
        expect(Array.from(ids)).toEqual(said.map(({ id }) => id));
      }),
    );
    for (const { text } of words) expect(text).toMatch(/^ [a-z]{1,6}$/);
  });

  it("encodes texts longer than any before", () => {
    const text = "ab ".repeat(40_000);
    expect(tokenizer.encode(text)).toHaveLength(40_001);
    expect(tokenizer.decode(tokenizer.encode(text))).toBe(text);
  });
});
