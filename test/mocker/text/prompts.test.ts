import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { builtinTokenizer, promptIds, promptText, sequenceHashes, type Tokenizer } from "#mocker/text";

const tokenizer = builtinTokenizer();
/** With few words, names of blocks need more digits. */
const poor: Tokenizer = { ...tokenizer, words: tokenizer.words.slice(0, 64) };
const id = fc.oneof(fc.nat(1000), fc.integer({ min: 0, max: 2 ** 40 }));
const shape = fc.record({
  tokens: fc.integer({ min: 1, max: 400 }),
  unique: id,
  blockIds: fc.array(id, { maxLength: 6 }),
  blockTokens: fc.integer({ min: 1, max: 100 }),
});

describe("synthetic prompts", () => {
  it("have exactly the tokens that were asked for, as ids and as text", () => {
    fc.assert(
      fc.property(fc.constantFrom(tokenizer, poor), fc.nat(), shape, (words, seed, wanted) => {
        const ids = promptIds(words, seed, wanted);
        expect(ids).toHaveLength(wanted.tokens);
        expect(words.encode(promptText(words, seed, wanted))).toEqual(ids);
      }),
    );
  });

  it("share blocks of equal ids, and differ from the first that differs on", () => {
    const small = fc.integer({ min: 0, max: 2 ** 32 - 1 });
    const parts = fc.record({ shared: fc.array(small, { maxLength: 5 }), tail: fc.array(small, { maxLength: 3 }) });
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 4, max: 60 }), parts, small, small, (seed, blockTokens, of, a, b) => {
        fc.pre(a !== b);
        const whole = { tokens: blockTokens * (of.shared.length + of.tail.length + 2), unique: 1, blockTokens };
        const ids = (block: number) =>
          promptIds(tokenizer, seed, { ...whole, blockIds: [...of.shared, block, ...of.tail] });
        const common = of.shared.length * blockTokens;
        expect(ids(a).slice(0, common)).toEqual(ids(b).slice(0, common));
        // The name of a block takes four of these words.
        expect(ids(a).slice(common, common + 4)).not.toEqual(ids(b).slice(common, common + 4));
        expect(ids(a).slice(common + blockTokens)).toEqual(ids(b).slice(common + blockTokens));
        const own = promptIds(tokenizer, seed, { ...whole, unique: a, blockIds: of.shared });
        expect(own.slice(common, common + 4)).not.toEqual(ids(a).slice(common, common + 4));
      }),
    );
  });

  it("tell ids apart that agree in their lower 32 bits", () => {
    const ids = [5, 5 + 2 ** 32, 5 + 2 ** 33, 5 + 2 ** 52].map((unique) =>
      promptText(tokenizer, 1, { tokens: 16, unique }),
    );
    expect(new Set(ids).size).toBe(4);
  });

  it("differ in the very first token where ids are close", () => {
    const first = (unique: number) => promptIds(tokenizer, 3, { tokens: 1, unique })[0];
    const half = Math.floor(tokenizer.words.length / 2);
    expect(new Set(Array.from({ length: half }, (_, i) => first(i))).size).toBe(half);
  });

  it("never hit each other's blocks in a cache, in a hundred thousand of them", () => {
    const seen = new Set<bigint>();
    let blocks = 0;
    for (let unique = 0; unique < 50_000; unique++) {
      for (const wanted of [
        { tokens: 16, unique },
        { tokens: 16, unique: 1, blockIds: [unique], blockTokens: 16 },
      ]) {
        seen.add(sequenceHashes(promptIds(tokenizer, 1, wanted), 16)[0]!);
        blocks++;
      }
    }
    expect(seen.size).toBe(blocks);
  });

  it("depend on the seed", () => {
    const wanted = { tokens: 30, unique: 1, blockIds: [4], blockTokens: 10 };
    expect(promptText(tokenizer, 1, wanted)).not.toBe(promptText(tokenizer, 2, wanted));
    expect(promptText(tokenizer, 1, wanted)).toBe(promptText(tokenizer, 1, wanted));
  });

  it("are of their own content where no blocks are named", () => {
    const plain = promptIds(tokenizer, 1, { tokens: 20, unique: 5 });
    expect(promptIds(tokenizer, 1, { tokens: 20, unique: 5, blockIds: [], blockTokens: 512 })).toEqual(plain);
  });
});
