import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BlockHasher, blockHashes, sequenceHashes } from "#mocker/text";
import { BlockInterner, SequenceBlocks } from "../../../../mocker/worker/core/blocks.ts";
import type { Generation } from "../../../../mocker/worker/types.ts";

function generation(prompt: readonly number[], output: readonly number[]): Generation {
  return {
    requestId: "r",
    promptTokens: Int32Array.from(prompt),
    outputTokens: output.length,
    outputTokenId: (index) => output[index]!,
    arrivalMs: 0,
  };
}

const tokens = fc.array(fc.integer({ min: 0, max: 2 }), { maxLength: 24 });

describe("numbers of block contents", () => {
  it("are equal exactly where all tokens up to the block's end are equal, prompt or output", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(1, 2, 4),
        fc.array(fc.tuple(tokens, tokens), { minLength: 1, maxLength: 8 }),
        (blockSize, requests) => {
          const interner = new BlockInterner(blockSize, false);
          const byNumber = new Map<number, string>();
          const byContent = new Map<string, number>();
          for (const [prompt, output] of requests) {
            const all = [...prompt, ...output];
            const blocks = new SequenceBlocks(interner, generation(prompt, output));
            for (let i = Math.floor(all.length / blockSize) - 1; i >= 0; i--) {
              const id = blocks.contentId(i);
              const content = all.slice(0, (i + 1) * blockSize).join(",");
              expect(byNumber.get(id) ?? content).toBe(content);
              expect(byContent.get(content) ?? id).toBe(id);
              byNumber.set(id, content);
              byContent.set(content, id);
            }
          }
          expect(interner.size).toBe(byContent.size);
        },
      ),
    );
  });

  it("are given away again when nobody holds them, so that their count stays bounded", () => {
    const interner = new BlockInterner(2, true);
    const held = new SequenceBlocks(interner, generation([1, 2, 3, 4], []));
    const keptId = held.contentId(0);
    const seen = new Set<number>();
    for (let i = 0; i < 1000; i++) {
      const blocks = new SequenceBlocks(interner, generation([1, 2, i + 100, i], [7, 8]));
      for (const index of [2, 0, 1]) seen.add(blocks.contentId(index));
      expect(blocks.contentId(0)).toBe(keptId);
      blocks.release();
      blocks.release();
    }
    expect(seen.size).toBeLessThan(10);
    expect(interner.size).toBe(1);
    held.release();
    expect(interner.size).toBe(0);
  });

  it("live on where the cache holds them", () => {
    const interner = new BlockInterner(2, true);
    const first = new SequenceBlocks(interner, generation([1, 2], []));
    const id = first.contentId(0);
    interner.hold(id);
    first.release();
    expect(new SequenceBlocks(interner, generation([1, 2], [])).contentId(0)).toBe(id);
    interner.drop(id);
    expect(interner.identity(id)).not.toBeNull();
  });

  it("stand for hashes, parents and tokens of their blocks", () => {
    const prompt = [5, 6, 7, 8];
    const output = [9, 10];
    const interner = new BlockInterner(2, true);
    const blocks = new SequenceBlocks(interner, generation(prompt, output));
    const all = Int32Array.from([...prompt, ...output]);
    const chained = sequenceHashes(all, 2);
    const own = blockHashes(all, 2);
    for (const index of [0, 1, 2]) {
      expect(interner.identity(blocks.contentId(index))).toEqual({
        sequenceHash: chained[index],
        tokensHash: own[index],
        parentSequenceHash: index === 0 ? null : chained[index - 1],
        tokenIds: all.slice(index * 2, index * 2 + 2),
      });
    }
    const gone = blocks.contentId(2);
    blocks.release();
    expect(interner.identity(gone)).toBeNull();
  });

  it("have no identity where nobody asked for tokens to be kept", () => {
    const interner = new BlockInterner(1, false);
    expect(interner.identity(new SequenceBlocks(interner, generation([1], [])).contentId(0))).toBeNull();
  });

  it("agree with Dynamo's hashes", () => {
    const interner = new BlockInterner(4, true);
    const blocks = new SequenceBlocks(interner, generation([1, 2, 3, 4, 5, 6, 7, 8], [9, 10, 11, 12]));
    expect([0, 1, 2].map((index) => interner.identity(blocks.contentId(index))!.sequenceHash)).toEqual([
      14643705804678351452n,
      4945711292740353085n,
      12583592247330656132n,
    ]);
    expect(new BlockHasher(4).sequenceHash).toBeNull();
  });
});
