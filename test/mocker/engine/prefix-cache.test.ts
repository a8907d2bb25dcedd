import { describe, expect, it } from "vitest";
import { ENGINES, EngineDriver } from "./engine-driver.ts";

describe.each(ENGINES)("$name: the prefix cache", (kind) => {
  it("is hit by a later request of the same pass", () => {
    const requests = [
      { isl: 8, osl: 1, blocks: [1, 2] },
      { isl: 8, osl: 1, blocks: [1, 2] },
    ];
    const run = (prefixCaching: boolean) => {
      const driver = new EngineDriver(kind, { blockSize: 4, prefixCaching }, requests);
      driver.submit(0, 1);
      driver.finish();
      return [driver.tokens("admitted", 1), driver.when("finished", 1), driver.engine.counters.prefixHitTokens];
    };
    // Of equal prompts the last token has to be computed, and with it its block.
    expect(run(true)).toEqual([4, 12, 4]);
    expect(run(false)).toEqual([0, 16, 0]);
  });

  it("holds for as many leading blocks as agree", () => {
    const driver = new EngineDriver(kind, { blockSize: 4 }, [
      { isl: 13, osl: 1, blocks: [1, 2, 3] },
      { isl: 13, osl: 1, blocks: [1, 2, 4] },
      { isl: 13, osl: 1, blocks: [5, 2, 3] },
      { isl: 13, osl: 1, blocks: [1, 2, 3] },
    ]);
    for (const request of [0, 1, 2, 3]) {
      driver.submit(request);
      driver.finish();
    }
    // What follows a different block is different content, whatever its id: the third starts with another block.
    expect([1, 2, 3].map((request) => driver.tokens("admitted", request))).toEqual([8, 0, 12]);
    expect(driver.nowMs).toBe(13 + 5 + 13 + 1);
  });

  it("never finds content without a name, nor output, in another request", () => {
    const driver = new EngineDriver(kind, { blockSize: 4 }, [
      { isl: 8, osl: 6 },
      { isl: 8, osl: 1 },
    ]);
    driver.submit(0);
    driver.finish();
    driver.submit(1);
    driver.finish();
    expect(driver.tokens("admitted", 1)).toBe(0);
  });

  it("counts a shared block once", () => {
    const driver = new EngineDriver(kind, { blockSize: 4, numGpuBlocks: 4 }, [
      { isl: 9, osl: 4, blocks: [1, 2] },
      { isl: 9, osl: 4, blocks: [1, 2] },
    ]);
    driver.submit(0, 1);
    driver.runUntil(10);
    expect(driver.usedBlocks).toBe(4);
    driver.finish();
    expect(driver.engine.counters.preemptions).toBe(0);
    expect(driver.usedBlocks).toBe(0);
  });

  it("evicts the tail of a prompt before its head", () => {
    const driver = new EngineDriver(kind, { blockSize: 4, numGpuBlocks: 4 }, [
      { isl: 12, osl: 1, blocks: [1, 2, 3] },
      { isl: 8, osl: 1 },
      { isl: 13, osl: 1, blocks: [1, 2, 3] },
    ]);
    for (const request of [0, 1, 2]) {
      driver.submit(request);
      driver.finish();
    }
    expect(driver.tokens("admitted", 2)).toBe(8);
    // One for the second request, and both of its blocks for the third.
    expect(driver.engine.counters.evictedBlocks).toBe(3);
  });

  it("evicts what was used least recently", () => {
    const driver = new EngineDriver(kind, { blockSize: 4, numGpuBlocks: 3 }, [
      { isl: 4, osl: 1, blocks: [1] },
      { isl: 4, osl: 1, blocks: [2] },
      { isl: 5, osl: 1, blocks: [1] },
      { isl: 8, osl: 1 },
      { isl: 5, osl: 1, blocks: [1] },
      { isl: 5, osl: 1, blocks: [2] },
    ]);
    for (const request of [0, 1, 2, 3, 4, 5]) {
      driver.submit(request);
      driver.finish();
    }
    expect(driver.tokens("admitted", 2)).toBe(4);
    expect(driver.tokens("admitted", 4)).toBe(4);
    expect(driver.tokens("admitted", 5)).toBe(0);
  });

  it("leaves free blocks to be taken before anything is evicted", () => {
    const driver = new EngineDriver(kind, { blockSize: 4, numGpuBlocks: 4 }, [
      { isl: 8, osl: 1, blocks: [1, 2] },
      { isl: 6, osl: 1 },
      { isl: 6, osl: 1 },
      { isl: 9, osl: 1, blocks: [1, 2] },
    ]);
    driver.submit(0);
    driver.finish();
    driver.submit(1);
    driver.finish();
    expect(driver.engine.counters.evictedBlocks).toBe(0);
    // The second left a full block and a free one; the third needs one more than is free.
    driver.submit(2);
    driver.finish();
    expect(driver.engine.counters.evictedBlocks).toBe(1);
    driver.submit(3);
    driver.finish();
    expect(driver.tokens("admitted", 3)).toBe(4);
  });
});

describe.each(ENGINES.filter(({ name }) => name !== "the skipping engine"))("$name: KV events", (kind) => {
  const unique = (request: number, block: number) => -1 - (request * 2 ** 20 + block);

  it("tell of every block that is stored and every one that is removed, in order", () => {
    const driver = new EngineDriver(kind, { blockSize: 2, numGpuBlocks: 4, kvEvents: true }, [
      { isl: 5, osl: 3, blocks: [1, 2] },
      { isl: 4, osl: 1, blocks: [1] },
      { isl: 4, osl: 1 },
    ]);
    driver.submit(0);
    driver.runUntil(5);
    expect(driver.kvEvents).toEqual([
      { kind: "stored", blockId: 1 },
      { kind: "stored", blockId: 2 },
    ]);
    driver.finish();
    // The first generated token fills the third block.
    expect(driver.kvEvents.slice(2)).toEqual([{ kind: "stored", blockId: unique(0, 2) }]);
    driver.submit(1);
    driver.finish();
    expect(driver.kvEvents.slice(3)).toEqual([{ kind: "stored", blockId: unique(1, 1) }]);
    driver.submit(2);
    driver.finish();
    // Oldest first, and of one request the tail: its third block, then its second.
    expect(driver.kvEvents.slice(4)).toEqual([
      { kind: "removed", blockId: unique(0, 2) },
      { kind: "removed", blockId: 2 },
      { kind: "stored", blockId: unique(2, 0) },
      { kind: "stored", blockId: unique(2, 1) },
    ]);
  });

  it("tell nothing where caching is off", () => {
    const driver = new EngineDriver(kind, { blockSize: 2, prefixCaching: false, kvEvents: true }, [
      { isl: 5, osl: 3, blocks: [1, 2] },
    ]);
    driver.submit(0);
    driver.finish();
    expect(driver.when("finished", 0)).toBe(25);
    expect(driver.kvEvents).toEqual([]);
  });
});
