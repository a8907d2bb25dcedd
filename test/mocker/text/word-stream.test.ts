import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { builtinTokenizer, type Tokenizer, wordStream } from "#mocker/text";

const tokenizer = builtinTokenizer();
const seeds = fc.oneof(fc.maxSafeInteger(), fc.string(), fc.double({ noNaN: true }));
const said = (seed: number | string, count: number): string => {
  const words = wordStream(tokenizer, seed);
  return Array.from({ length: count }, (_, i) => words.text(i)).join("");
};

describe("word streams", () => {
  it("are the same for the same seed, in any order of asking", () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const words = wordStream(tokenizer, seed);
        const backwards = Array.from({ length: 50 }, (_, i) => words.text(49 - i)).reverse();
        expect(backwards.join("")).toBe(said(seed, 50));
      }),
    );
  });

  it("have ids that are the tokens of their text", () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const words = wordStream(tokenizer, seed);
        expect(Array.from(tokenizer.encode(said(seed, 100)))).toEqual(
          Array.from({ length: 100 }, (_, i) => words.id(i)),
        );
      }),
    );
  });

  it("differ by seed, numbers as well as texts", () => {
    const streams = [0, 1, -1, 2 ** 32, 2 ** 53 - 1, 0.5, "", "0", "a", "b"].map((seed) => said(seed, 40));
    expect(new Set(streams).size).toBe(streams.length);
  });

  it("use frequent words often and all words sometimes", () => {
    const words = wordStream(tokenizer, 1);
    const counts = new Map<number, number>();
    for (let i = 0; i < 60_000; i++) counts.set(words.id(i), (counts.get(words.id(i)) ?? 0) + 1);
    expect(counts.size).toBe(tokenizer.words.length);
    const first = counts.get(tokenizer.words[0]!.id)!;
    const hundredth = counts.get(tokenizer.words[99]!.id)!;
    // Zipf–Mandelbrot: (99 + 2.7) / 2.7 = 38 times as often.
    expect(first / hundredth).toBeGreaterThan(25);
    expect(first / hundredth).toBeLessThan(60);
  });

  it("say what they said in every release", () => {
    expect(said(7, 12)).toBe(" the have the not a enjoy of appear ready his a could");
  });

  it("begin without a space where the tokenizer puts one there itself", () => {
    const prepending: Tokenizer = { ...tokenizer, prependsSpace: true };
    const words = wordStream(prepending, 7);
    expect([words.text(0), words.text(1)]).toEqual(["the", " have"]);
  });
});
