import { describe, expect, it } from "vitest";
import { ENGINES, EngineDriver } from "./engine-driver.ts";

describe.each(ENGINES)("$name: cancelling a request", (kind) => {
  it("that waits lets those behind it move up", () => {
    const driver = new EngineDriver(kind, { blockSize: 1, numGpuBlocks: 10 }, [
      { isl: 6, osl: 3 },
      { isl: 8, osl: 1 },
      { isl: 2, osl: 1 },
    ]);
    driver.submit(0, 1, 2);
    driver.runUntil(10);
    driver.command("cancel", 1);
    driver.finish();
    expect(driver.when("admitted", 1)).toBeNaN();
    expect(driver.when("admitted", 2)).toBe(16);
    expect(driver.engine.isEmpty()).toBe(true);
    expect(driver.usedBlocks).toBe(0);
  });

  it("in the middle of its prompt frees its blocks at the end of the pass", () => {
    const driver = new EngineDriver(kind, { blockSize: 1, numGpuBlocks: 20, maxNumBatchedTokens: 4 }, [
      { isl: 12, osl: 3 },
      { isl: 3, osl: 1 },
    ]);
    driver.submit(0, 1);
    driver.runUntil(5);
    driver.command("cancel", 0);
    driver.finish();
    expect(driver.when("firstToken", 0)).toBeNaN();
    expect(driver.when("admitted", 1)).toBe(8);
    expect(driver.when("finished", 1)).toBe(11);
    expect(driver.usedBlocks).toBe(0);
    expect(driver.engine.isEmpty()).toBe(true);
  });

  it("that decodes leaves the others their times", () => {
    const driver = new EngineDriver(kind, { blockSize: 4 }, [
      { isl: 4, osl: 30 },
      { isl: 4, osl: 3 },
      { isl: 4, osl: 6 },
    ]);
    driver.submit(0, 1, 2);
    driver.runUntil(19);
    driver.command("cancel", 1);
    driver.runUntil(23);
    expect(driver.engine.load(23)).toMatchObject({ running: 2, usedBlocks: 4, kvTokens: 2 * (4 + 2) });
    driver.finish();
    expect(driver.when("finished", 1)).toBeNaN();
    expect(driver.when("finished", 2)).toBe(12 + 5 * 10);
    expect(driver.when("finished", 0)).toBe(12 + 29 * 10);
    expect(driver.engine.load(driver.nowMs)).toMatchObject({ usedBlocks: 0, kvTokens: 0, lastDecodeBatch: 1 });
  });

  it("that is the next to end lets the engine go on to the one after it", () => {
    const driver = new EngineDriver(kind, {}, [
      { isl: 4, osl: 5 },
      { isl: 4, osl: 1000 },
    ]);
    driver.submit(0, 1);
    driver.runUntil(20);
    driver.command("cancel", 0);
    driver.finish();
    expect(driver.when("finished", 0)).toBeNaN();
    expect(driver.when("finished", 1)).toBe(8 + 999 * 10);
    expect(driver.engine.isEmpty()).toBe(true);
  });

  it("before its second token does not let the second token out", () => {
    const driver = new EngineDriver(kind, {}, [
      { isl: 4, osl: 5 },
      { isl: 4, osl: 5 },
    ]);
    driver.submit(0, 1);
    driver.runUntil(8);
    driver.command("cancel", 0);
    driver.finish();
    expect(driver.when("firstToken", 0)).toBe(8);
    expect(driver.when("secondToken", 0)).toBeNaN();
    expect(driver.when("secondToken", 1)).toBe(18);
  });

  it("that was preempted keeps it from coming back", () => {
    const driver = new EngineDriver(kind, { blockSize: 1, numGpuBlocks: 12 }, [
      { isl: 4, osl: 6 },
      { isl: 4, osl: 6 },
    ]);
    driver.submit(0, 1);
    driver.runUntil(30);
    expect(driver.when("preempted", 1)).toBe(28);
    driver.command("cancel", 1);
    driver.finish();
    expect(driver.when("finished", 0)).toBe(58);
    expect(driver.when("finished", 1)).toBeNaN();
    expect(driver.usedBlocks).toBe(0);
    expect(driver.engine.isEmpty()).toBe(true);
  });

  it("leaves blocks to those who share them", () => {
    const driver = new EngineDriver(kind, { blockSize: 4 }, [
      { isl: 9, osl: 5, blocks: [1, 2] },
      { isl: 9, osl: 5, blocks: [1, 2] },
    ]);
    driver.submit(0, 1);
    driver.runUntil(10);
    expect(driver.usedBlocks).toBe(4);
    driver.command("cancel", 0);
    expect(driver.usedBlocks).toBe(3);
    driver.finish();
    expect(driver.when("finished", 1)).toBe(50);
    expect(driver.usedBlocks).toBe(0);
  });

  it("leaves its content in the cache", () => {
    const driver = new EngineDriver(kind, { blockSize: 4 }, [
      { isl: 9, osl: 5, blocks: [1, 2] },
      { isl: 9, osl: 1, blocks: [1, 2] },
    ]);
    driver.submit(0);
    driver.runUntil(9);
    driver.command("cancel", 0);
    driver.submit(1);
    driver.finish();
    expect(driver.tokens("admitted", 1)).toBe(8);
  });

  it("frees a seat", () => {
    const driver = new EngineDriver(kind, { maxNumSeqs: 1 }, [
      { isl: 4, osl: 500 },
      { isl: 4, osl: 1 },
    ]);
    driver.submit(0, 1);
    driver.runUntil(30);
    driver.command("cancel", 0);
    driver.finish();
    expect(driver.when("finished", 1)).toBe(34 + 4);
  });

  it("twice, after its end, or of one never seen, changes nothing", () => {
    const driver = new EngineDriver(kind, { blockSize: 4, numGpuBlocks: 8 }, [
      { isl: 6, osl: 4 },
      { isl: 6, osl: 4 },
      { isl: 6, osl: 4 },
      { isl: 6, osl: 4 },
    ]);
    driver.submit(0);
    driver.finish();
    driver.submit(1, 2);
    driver.runUntil(driver.nowMs + 15);
    driver.command("cancel", 0, 3, 1, 1);
    driver.runUntil(driver.nowMs + 8);
    driver.command("cancel", 1);
    expect(driver.engine.load(driver.nowMs)).toMatchObject({ running: 1, usedBlocks: 2 });
    driver.finish();
    expect(driver.when("finished", 2)).toBe(36 + 12 + 30);
    expect(driver.usedBlocks).toBe(0);
    expect(driver.engine.isEmpty()).toBe(true);
  });
});

describe.each(ENGINES)("$name: cancelling in a disaggregated deployment", (kind) => {
  it("frees a prefill worker's held blocks for the next prompt", () => {
    const driver = new EngineDriver(kind, { role: "prefill", blockSize: 1, numGpuBlocks: 5 }, [
      { isl: 4, osl: 1 },
      { isl: 4, osl: 1 },
    ]);
    driver.submit(0, 1);
    driver.finish();
    driver.command("cancel", 0);
    driver.finish();
    expect(driver.when("held", 1)).toBe(8);
    driver.command("cancel", 1);
    expect(driver.usedBlocks).toBe(0);
    expect(driver.engine.isEmpty()).toBe(true);
  });

  it("takes a reservation out of the line", () => {
    const driver = new EngineDriver(kind, { role: "decode", blockSize: 1, numGpuBlocks: 10 }, [
      { isl: 6, osl: 2 },
      { isl: 8, osl: 1 },
      { isl: 2, osl: 1 },
    ]);
    driver.command("reserve", 0, 1, 2);
    expect(driver.when("reserved", 2)).toBeNaN();
    driver.command("cancel", 1);
    expect(driver.when("reserved", 2)).toBe(0);
    expect(driver.when("reserved", 1)).toBeNaN();
  });

  it("gives reserved blocks to the next in line, and ignores the transfer that comes too late", () => {
    const driver = new EngineDriver(kind, { role: "decode", blockSize: 1, numGpuBlocks: 10 }, [
      { isl: 6, osl: 2 },
      { isl: 8, osl: 2 },
    ]);
    driver.command("reserve", 0, 1);
    driver.command("cancel", 0);
    expect(driver.when("reserved", 1)).toBe(0);
    expect(driver.usedBlocks).toBe(8);
    driver.command("activate", 0);
    expect(driver.when("activated", 0)).toBeNaN();
    expect(driver.engine.hasWork()).toBe(false);
    driver.command("activate", 1);
    driver.finish();
    expect(driver.when("finished", 1)).toBe(20);
    expect(driver.usedBlocks).toBe(0);
    expect(driver.engine.isEmpty()).toBe(true);
  });

  it("of a transferred request that waits for a seat frees its blocks", () => {
    const driver = new EngineDriver(kind, { role: "decode", blockSize: 4, maxNumSeqs: 1 }, [
      { isl: 6, osl: 3 },
      { isl: 6, osl: 3 },
    ]);
    driver.command("reserve", 0, 1);
    driver.command("activate", 0, 1);
    driver.runUntil(5);
    driver.command("cancel", 1);
    driver.finish();
    expect(driver.when("finished", 0)).toBe(30);
    expect(driver.when("admitted", 1)).toBeNaN();
    expect(driver.usedBlocks).toBe(0);
    expect(driver.engine.isEmpty()).toBe(true);
  });
});
