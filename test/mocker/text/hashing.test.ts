import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BlockHasher, blockHashes, sequenceHashes, tokensSeed } from "#mocker/text";

const ids = fc.array(fc.integer({ min: 0, max: 2 ** 31 - 1 }), { maxLength: 70 }).map((list) => Int32Array.from(list));
const blockSize = fc.integer({ min: 1, max: 17 });

describe("block hashes", () => {
  it("are those of Dynamo's kv-router", () => {
    const tokens = Int32Array.from({ length: 12 }, (_, i) => i + 1);
    expect(Array.from(blockHashes(tokens, 4))).toEqual([
      14643705804678351452n,
      16777012769546811212n,
      483935686894639516n,
    ]);
    expect(Array.from(sequenceHashes(tokens, 4))).toEqual([
      14643705804678351452n,
      4945711292740353085n,
      12583592247330656132n,
    ]);
  });

  it("name full blocks alone", () => {
    fc.assert(
      fc.property(ids, blockSize, (tokens, size) => {
        const full = Math.floor(tokens.length / size);
        expect(blockHashes(tokens, size)).toHaveLength(full);
        expect(sequenceHashes(tokens, size)).toHaveLength(full);
        expect(sequenceHashes(tokens.slice(0, full * size), size)).toEqual(sequenceHashes(tokens, size));
      }),
    );
  });

  it("chain: equal as far as the tokens are equal, and different from the first difference on", () => {
    fc.assert(
      fc.property(ids, ids, ids, blockSize, (shared, a, b, size) => {
        fc.pre(shared.length % size === 0 && a[0] !== b[0]);
        const left = sequenceHashes(Int32Array.of(...shared, ...a), size);
        const right = sequenceHashes(Int32Array.of(...shared, ...b), size);
        const common = shared.length / size;
        expect(left.slice(0, common)).toEqual(right.slice(0, common));
        const rightOnes = new Set(right.slice(common));
        expect(Array.from(left.slice(common)).filter((hash) => rightOnes.has(hash))).toEqual([]);
      }),
    );
  });

  it("come one by one as tokens are generated", () => {
    fc.assert(
      fc.property(ids, blockSize, (tokens, size) => {
        const hasher = new BlockHasher(size);
        const own: bigint[] = [];
        const chained: bigint[] = [];
        let parent: bigint | null = null;
        for (const id of tokens) {
          if (!hasher.push(id)) continue;
          own.push(hasher.tokensHash);
          chained.push(hasher.sequenceHash!);
          expect(hasher.parentSequenceHash).toBe(parent);
          parent = hasher.sequenceHash;
        }
        expect(own).toEqual(Array.from(blockHashes(tokens, size)));
        expect(chained).toEqual(Array.from(sequenceHashes(tokens, size)));
        expect(hasher.partialTokens).toBe(tokens.length % size);
      }),
    );
  });

  it("seed by content, wherever in memory it lies", () => {
    fc.assert(
      fc.property(ids, (tokens) => {
        const moved = Int32Array.of(7, ...tokens, 9).subarray(1, tokens.length + 1);
        expect(tokensSeed(moved)).toBe(tokensSeed(tokens));
        expect(Number.isSafeInteger(tokensSeed(tokens))).toBe(true);
        expect(tokensSeed(Int32Array.of(...tokens, 1))).not.toBe(tokensSeed(tokens));
      }),
    );
  });
});
