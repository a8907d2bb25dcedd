import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { simulate } from "#src/simulator";
import { requestColumns } from "../../src/simulator/prompt-blocks.ts";
import { madePool, madeSpec, madeWorkload } from "./hand-made.ts";

/** Cached tokens of requests that come one after the other. */
function cachedTokens(blockTokens: number, blockSize: number, prompts: { isl: number; blocks: number[] }[]): number[] {
  const requests = prompts.map((prompt, i) => ({ ...prompt, atMs: i * 10_000, osl: 1 }));
  const spec = madeSpec({ requests, blockTokens }, { decode: madePool("aggregated", {}, { blockSize }) });
  return [...simulate(spec).requests.cachedTokens];
}

describe("a Mooncake trace's blocks of 512 tokens", () => {
  const prompts = [
    { isl: 1200, blocks: [1, 2, 3] },
    { isl: 1200, blocks: [1, 2, 4] },
    { isl: 1200, blocks: [1, 2, 3] },
    { isl: 700, blocks: [1, 2] },
    { isl: 1200, blocks: [5, 2, 3] },
  ];

  it("give hits in engine blocks of 64", () => {
    // All full blocks before the last token: 18 of the same prompt, 16 of what is shared, 10 of the shorter prompt.
    expect(cachedTokens(512, 64, prompts)).toEqual([0, 1024, 18 * 64, 10 * 64, 0]);
  });

  it("give hits in engine blocks of 16", () => {
    expect(cachedTokens(512, 16, prompts)).toEqual([0, 1024, 74 * 16, 43 * 16, 0]);
  });

  it("give hits in larger engine blocks only where all they cover agrees", () => {
    const long = [
      { isl: 4000, blocks: [1, 2, 3, 4, 5, 6, 7, 8] },
      { isl: 4000, blocks: [1, 2, 3, 9, 5, 6, 7, 8] },
      { isl: 4000, blocks: [1, 2, 3, 4, 5, 6, 7, 8] },
    ];
    expect(cachedTokens(512, 1024, long)).toEqual([0, 1024, 3072]);
    // 768 tokens are one and a half trace blocks.
    expect(cachedTokens(512, 768, long)).toEqual([0, 1536, 5 * 768]);
  });
});

describe("the mapping of trace blocks to engine blocks", () => {
  /** Content of every token of a prompt: which trace block, where in it; what no id names is its own. */
  const tokens = (request: number, isl: number, blocks: readonly number[], blockTokens: number) =>
    Array.from({ length: isl }, (_, t) => {
      const id = blocks[Math.floor(t / blockTokens)];
      return id === undefined ? `own ${request} ${t}` : `${id} ${t % blockTokens}`;
    });

  it("lets two prompts share an engine block exactly where all their tokens up to its end are equal", () => {
    const prompt = fc.record({
      isl: fc.integer({ min: 1, max: 60 }),
      blocks: fc.array(fc.integer({ min: 0, max: 2 }), { maxLength: 6 }),
    });
    fc.assert(
      fc.property(
        fc.array(prompt, { minLength: 2, maxLength: 6 }),
        fc.integer({ min: 1, max: 12 }),
        fc.integer({ min: 1, max: 16 }),
        (prompts, blockTokens, blockSize) => {
          const requests = prompts.map(({ isl, blocks }) => ({
            isl,
            osl: 1,
            atMs: 0,
            blocks: blocks.slice(0, Math.ceil(isl / blockTokens)),
          }));
          const columns = requestColumns(madeWorkload({ requests, blockTokens }), blockSize);
          const ids = (request: number) => [
            ...columns.blockIds!.subarray(columns.blockOffset![request]!, columns.blockOffset![request + 1]!),
          ];
          requests.forEach((a, i) => {
            requests.forEach((b, j) => {
              if (i === j) return;
              const one = tokens(i, a.isl, a.blocks, blockTokens);
              const other = tokens(j, b.isl, b.blocks, blockTokens);
              let equal = 0;
              while (equal < Math.min(one.length, other.length) && one[equal] === other[equal]) equal++;
              const [left, right] = [ids(i), ids(j)];
              let shared = 0;
              while (shared < Math.min(left.length, right.length) && left[shared] === right[shared]) shared++;
              expect(shared).toBe(Math.floor(equal / blockSize));
            });
          });
        },
      ),
    );
  });
});
