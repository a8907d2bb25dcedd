import { describe, expect, it } from "vitest";
import { ENGINE_DEFAULTS } from "#mocker/engine";
import { ENGINES, EngineDriver } from "./engine-driver.ts";

describe.each(ENGINES)("$name: from arrival to the last token", (kind) => {
  it("computes a prompt, then emits a token a pass", () => {
    const driver = new EngineDriver(kind, {}, [{ isl: 5, osl: 3 }]);
    driver.submit(0);
    driver.finish();
    expect(driver.when("admitted", 0)).toBe(0);
    expect(driver.when("firstToken", 0)).toBe(5);
    expect(driver.when("secondToken", 0)).toBe(15);
    expect(driver.when("finished", 0)).toBe(25);
    expect(driver.tokens("finished", 0)).toBe(3);
    expect(driver.gaps.reduce((sum, { gapMs, weight }) => sum + gapMs * weight, 0)).toBe(20);
    expect(driver.engine.counters).toMatchObject({ passes: 3, scheduledPrefillTokens: 5, prefillMs: 5 });
  });

  it("is done with the prompt where one token is asked", () => {
    const driver = new EngineDriver(kind, {}, [{ isl: 5, osl: 1 }]);
    driver.submit(0);
    driver.finish();
    expect(driver.when("finished", 0)).toBe(5);
    expect(driver.gaps).toEqual([]);
  });

  it("takes a request that arrives during a pass into the next one", () => {
    const driver = new EngineDriver(kind, {}, [
      { isl: 5, osl: 9 },
      { isl: 2, osl: 1 },
    ]);
    driver.submit(0);
    driver.runUntil(17);
    driver.submit(1);
    driver.finish();
    expect(driver.when("admitted", 1)).toBe(25);
    expect(driver.when("finished", 1)).toBe(37);
    // Token 3 at 25, the mixed pass until 37, six more.
    expect(driver.when("finished", 0)).toBe(37 + 5 * 10);
  });
});

describe.each(ENGINES)("$name: the token budget", (kind) => {
  it("cuts a prompt into chunks", () => {
    const driver = new EngineDriver(kind, { maxNumBatchedTokens: 4 }, [{ isl: 10, osl: 1 }]);
    driver.submit(0);
    driver.runUntil(4);
    expect(driver.engine.load(4).queuedPrefillTokens).toBe(6);
    driver.finish();
    expect(driver.when("firstToken", 0)).toBe(10);
    expect(driver.engine.counters).toMatchObject({ passes: 3, scheduledPrefillTokens: 10 });
  });

  it("serves decoding requests before prompts", () => {
    const driver = new EngineDriver(kind, { maxNumBatchedTokens: 4 }, [
      { isl: 2, osl: 10 },
      { isl: 7, osl: 1 },
    ]);
    driver.submit(0);
    driver.runUntil(2);
    driver.submit(1);
    driver.finish();
    // Chunks of 3, 3 and 1 beside a decode step each: 13 + 13 + 11 ms.
    expect(driver.when("firstToken", 1)).toBe(39);
    expect(driver.when("finished", 0)).toBe(39 + 6 * 10);
  });

  it("is shared by the prompts of a pass, the last one cut", () => {
    const driver = new EngineDriver(kind, { maxNumBatchedTokens: 8 }, [
      { isl: 5, osl: 2 },
      { isl: 5, osl: 1 },
    ]);
    driver.submit(0, 1);
    driver.finish();
    expect(driver.when("firstToken", 0)).toBe(8);
    expect(driver.when("firstToken", 1)).toBe(20);
  });

  it("lets a whole prompt wait for the next pass where chunked prefill is off", () => {
    const driver = new EngineDriver(kind, { maxNumBatchedTokens: 8, chunkedPrefill: false }, [
      { isl: 5, osl: 2 },
      { isl: 5, osl: 1 },
      { isl: 1, osl: 1 },
    ]);
    driver.submit(0, 1, 2);
    driver.finish();
    expect(driver.when("firstToken", 0)).toBe(5);
    expect(driver.when("admitted", 1)).toBe(5);
    // Small as it is, the third does not overtake the second; the pass has 1 + 5 + 1 tokens.
    expect(driver.when("admitted", 2)).toBe(5);
    expect(driver.when("firstToken", 1)).toBe(21);
  });
});

describe.each(ENGINES)("$name: seats and blocks", (kind) => {
  it("admits no more than maxNumSeqs requests, first come, first served", () => {
    const driver = new EngineDriver(kind, { maxNumSeqs: 2 }, [
      { isl: 2, osl: 3 },
      { isl: 2, osl: 2 },
      { isl: 2, osl: 1 },
    ]);
    driver.submit(0, 1, 2);
    driver.runUntil(10);
    expect(driver.engine.load(10)).toMatchObject({ running: 2, waiting: 1, queuedPrefillTokens: 2 });
    driver.finish();
    expect(driver.when("finished", 1)).toBe(14);
    expect(driver.when("admitted", 2)).toBe(14);
  });

  it("keeps a prompt waiting until all its blocks are free, and with it those behind", () => {
    const driver = new EngineDriver(kind, { numGpuBlocks: 10, blockSize: 1, prefixCaching: false }, [
      { isl: 6, osl: 2 },
      { isl: 5, osl: 1 },
      { isl: 1, osl: 1 },
    ]);
    driver.submit(0, 1, 2);
    driver.finish();
    expect(driver.when("finished", 0)).toBe(16);
    expect(driver.when("admitted", 1)).toBe(16);
    expect(driver.when("admitted", 2)).toBe(16);
  });

  it("keeps the watermark's blocks free at admissions, unless nothing runs", () => {
    const requests = [
      { isl: 4, osl: 2 },
      { isl: 4, osl: 1 },
      { isl: 9, osl: 1 },
    ];
    const admittedAt = (watermark: number) => {
      const driver = new EngineDriver(kind, { numGpuBlocks: 10, blockSize: 1, watermark }, requests);
      driver.submit(0, 1);
      driver.finish();
      driver.submit(2);
      driver.finish();
      return [driver.when("admitted", 1), driver.when("finished", 2) - driver.when("admitted", 2)];
    };
    expect(admittedAt(0)).toEqual([0, 9]);
    expect(admittedAt(0.3)).toEqual([14, 9]);
  });

  it("counts the blocks in use by whole blocks", () => {
    const driver = new EngineDriver(kind, { blockSize: 4, numGpuBlocks: 8 }, [{ isl: 7, osl: 4 }]);
    driver.submit(0);
    driver.runUntil(7);
    expect(driver.usedBlocks).toBe(2);
    driver.runUntil(27);
    // Ten tokens are known; the last one's is not in the cache yet, and nine need three blocks.
    expect(driver.engine.load(27).kvTokens).toBe(10);
    expect(driver.usedBlocks).toBe(3);
    driver.finish();
    expect(driver.usedBlocks).toBe(0);
    expect(driver.engine.isEmpty()).toBe(true);
  });
});

describe.each(ENGINES)("$name: requests that can never be served", (kind) => {
  it.each([
    [
      "the prompt exceeds the cache",
      { numGpuBlocks: 2, blockSize: 4 },
      { isl: 9, osl: 1 },
      /prompt of 9 tokens exceeds the KV cache of 8/,
    ],
    [
      "prompt and output exceed it",
      { numGpuBlocks: 8, blockSize: 1 },
      { isl: 4, osl: 6 },
      /prompt and output of 10 tokens exceed the KV cache of 8/,
    ],
    [
      "the prompt fills the model length",
      { maxModelLen: 4 },
      { isl: 4, osl: 1 },
      /no room for output within the model length of 4/,
    ],
    [
      "the prompt exceeds the budget unchunked",
      { maxNumBatchedTokens: 4, chunkedPrefill: false },
      { isl: 5, osl: 1 },
      /budget of 4 tokens a pass/,
    ],
  ])("are refused with a reason: %s", (_, config, request, reason) => {
    const driver = new EngineDriver(kind, config, [request]);
    expect(driver.submit(0)).toEqual([expect.stringMatching(reason)]);
    expect(driver.engine.isEmpty()).toBe(true);
  });

  it("take the last block into account: the last token needs no room", () => {
    const driver = new EngineDriver(kind, { numGpuBlocks: 8, blockSize: 1 }, [{ isl: 4, osl: 5 }]);
    expect(driver.submit(0)).toEqual([null]);
    driver.finish();
    expect(driver.tokens("finished", 0)).toBe(5);
    expect(driver.engine.counters.preemptions).toBe(0);
  });

  it("have their output cut to the model length", () => {
    const driver = new EngineDriver(kind, { maxModelLen: 7 }, [{ isl: 4, osl: 10 }]);
    driver.submit(0);
    driver.finish();
    expect(driver.tokens("finished", 0)).toBe(3);
    expect(driver.when("finished", 0)).toBe(24);
  });
});

describe.each(ENGINES)("$name: speed-up", (kind) => {
  const run = (speedupRatio: number, decodeSpeedupRatio: number) => {
    const driver = new EngineDriver(kind, { speedupRatio, decodeSpeedupRatio }, [{ isl: 6, osl: 3 }]);
    driver.submit(0);
    driver.finish();
    return [driver.when("firstToken", 0), driver.when("secondToken", 0), driver.when("finished", 0)];
  };

  it("divides every pass, decode steps by both ratios", () => {
    expect(run(2, 1)).toEqual([3, 8, 13]);
    expect(run(2, 5)).toEqual([3, 4, 5]);
  });

  it("of 0 lets everything take no time", () => {
    expect(run(0, 1)).toEqual([0, 0, 0]);
    expect(run(1, 0)).toEqual([6, 6, 6]);
  });
});

it.each(ENGINES)(
  "$name of SGLang: a chunk needs room in the prompt tokens of its batch, unless it is the first",
  (kind) => {
    const sglang = { ...ENGINE_DEFAULTS.sglang, chunkedPrefillSize: 400, maxPrefillTokens: 300 };
    const requests = [
      { isl: 150, osl: 1 },
      { isl: 410, osl: 1 },
    ];
    const driver = new EngineDriver(kind, { family: "sglang", blockSize: 1, sglang }, requests);
    driver.submit(0, 1);
    driver.finish();
    expect(driver.when("admitted", 1)).toBe(150);
    expect(driver.when("firstToken", 1)).toBe(560);
  },
);
