import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type SimulationSpec, simulate } from "#src/simulator";
import { madePool, madeSpec } from "./hand-made.ts";
import { expectAgreement } from "./outcome.ts";
import { type RandomCase, randomCase, specOf } from "./random-spec.ts";

const RUNS = Number(process.env.UNDERSTUDY_FUZZ_RUNS ?? 400);

/** First and last tokens, ms, after the engines were found to agree, under check. */
function timesOf(made: () => SimulationSpec): [firstMs: number, lastMs: number][] {
  expectAgreement(made);
  const { requests } = simulate({ ...made(), check: true });
  return Array.from(requests.firstTokenMs, (firstMs, i) => [firstMs, requests.lastTokenMs[i]!]);
}

const SEED = Number(process.env.UNDERSTUDY_FUZZ_SEED ?? 1);

/** A few requests on one vLLM worker whose blocks are `spare` more than the longest of them needs. */
function shortOf([random, spare, budget]: [RandomCase, number, number]): RandomCase {
  const requests = random.requests.slice(0, 8).map((request) => ({ ...request, gapMs: request.gapMs % 30 }));
  const longest = Math.max(...requests.map(({ isl, osl }) => isl + osl));
  return {
    ...random,
    requests,
    family: "vllm",
    blockSize: 16,
    numGpuBlocks: Math.ceil(longest / 16) + spare,
    maxNumBatchedTokens: budget,
    maxNumSeqs: 12,
    chunkedPrefill: true,
    acceptRates: null,
    host: null,
    watermark: 0,
    speedupRatio: 1,
    workers: 1,
    dpSize: 1,
    endMs: null,
    scaling: [],
  };
}

describe("the skipping and the stepping engine", () => {
  it("agree on every time, counter, admission and KV event of random runs", () => {
    fc.assert(
      fc.property(randomCase, (random) => expectAgreement(() => specOf(random))),
      { numRuns: RUNS, seed: SEED },
    );
  });

  it("agree where blocks and the token budget are short, and prompts are cut and preempted beside those who decode", () => {
    const short = fc.tuple(randomCase, fc.integer({ min: 0, max: 7 }), fc.integer({ min: 8, max: 64 })).map(shortOf);
    fc.assert(
      fc.property(short, (random) => expectAgreement(() => specOf(random))),
      { numRuns: RUNS / 4, seed: SEED },
    );
  });

  it("let a request that had to go for its own want of blocks wait for the one that has the others", () => {
    // 13 blocks: 7 are another request's, whose KV has come, but who finds no seat.
    const engine = { blockSize: 16, numGpuBlocks: 13, maxNumSeqs: 1, maxNumBatchedTokens: 128 };
    const times = timesOf(() =>
      madeSpec(
        {
          requests: [
            { atMs: 0, isl: 57, osl: 41 },
            { atMs: 0, isl: 97, osl: 1 },
          ],
        },
        {
          prefill: madePool("prefill", { workers: 2 }),
          decode: madePool("decode", {}, engine),
          transfer: { bytesPerToken: 1e6, bytesPerSecond: 1e9, timing: "full_prompt" },
        },
      ),
    );
    // Both prompts take 1 ms a token, and so do their transfers. The first decodes from 114 ms on, 40 tokens of 10 ms each; then the
    // other has its one token. Six blocks of the first are still cached: what lies behind them is one token, 1 ms.
    expect(times).toEqual([
      [124, 525],
      [524, 524],
    ]);
  });

  it("let a rank join the others as soon as its KV has come from host memory", () => {
    const prompt = (first: number) => Array.from({ length: 40 }, (_, i) => first + i);
    const spec = () =>
      madeSpec(
        {
          blockTokens: 4,
          // They take turns on two ranks: the first one's decodes all the while, the second's cache has no room for two prompts.
          requests: [
            { atMs: 0, isl: 4, osl: 200 },
            { atMs: 0, isl: 160, osl: 1, blocks: prompt(0) },
            { atMs: 500, isl: 4, osl: 1 },
            { atMs: 500, isl: 160, osl: 1, blocks: prompt(100) },
            { atMs: 995, isl: 4, osl: 1 },
            { atMs: 1000, isl: 160, osl: 1, blocks: prompt(0) },
          ],
        },
        {
          decode: madePool(
            "aggregated",
            { dpSize: 2 },
            {
              ...{ blockSize: 4, numGpuBlocks: 60 },
              kvOffload: { hostBlocks: 60, bytesPerBlock: 1e6, bytesPerSecond: 1e9 },
            },
          ),
        },
      );
    const [firstMs] = timesOf(spec)[5]!;
    expect(firstMs).toBeGreaterThan(1020);
    expect(firstMs).toBeLessThan(1060);
  });

  it("let nobody into a pass that has begun when prompts take no time", () => {
    const spec = () =>
      madeSpec(
        {
          requests: [
            { atMs: 0, isl: 1, osl: 1 },
            { isl: 1, osl: 1 },
            { isl: 1, osl: 1 },
            { atMs: 0, isl: 1, osl: 3 },
          ],
          turns: [
            { from: 0, to: 1, thinkMs: 0 },
            { from: 1, to: 2, thinkMs: 0 },
          ],
        },
        {
          prefill: madePool("prefill", {}, { speedupRatio: 0 }),
          decode: madePool("decode", { workers: 2, dpSize: 3 }, { maxNumSeqs: 1 }),
        },
      );
    // The third comes to ranks whose step goes from 20 to 30 ms: it has the next one.
    expect(timesOf(spec)).toEqual([
      [10, 10],
      [20, 20],
      [40, 40],
      [10, 30],
    ]);
  });
});
