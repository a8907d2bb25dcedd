import { describe, expect, it } from "vitest";
import { ENGINES, EngineDriver } from "./engine-driver.ts";

describe.each(ENGINES)("$name on a prefill worker", (kind) => {
  it("holds the blocks of a computed prompt until they are released", () => {
    const driver = new EngineDriver(kind, { role: "prefill", blockSize: 4 }, [{ isl: 9, osl: 50 }]);
    driver.submit(0);
    driver.finish();
    expect(driver.when("held", 0)).toBe(9);
    expect(driver.usedBlocks).toBe(3);
    expect([driver.engine.hasWork(), driver.engine.isEmpty()]).toEqual([false, false]);
    driver.runUntil(30);
    driver.command("release", 0);
    expect(driver.when("released", 0)).toBe(30);
    expect(driver.usedBlocks).toBe(0);
    expect(driver.engine.isEmpty()).toBe(true);
    expect(driver.events.some(({ kind: event }) => event === "firstToken" || event === "finished")).toBe(false);
  });

  it("takes a release at the end of the pass that is under way", () => {
    const driver = new EngineDriver(kind, { role: "prefill" }, [
      { isl: 5, osl: 1 },
      { isl: 20, osl: 1 },
    ]);
    driver.submit(0);
    driver.runUntil(5);
    driver.submit(1);
    driver.runUntil(10);
    driver.command("release", 0);
    driver.finish();
    expect(driver.when("released", 0)).toBe(25);
  });

  it("waits for held blocks rather than give a prompt up", () => {
    const driver = new EngineDriver(kind, { role: "prefill", blockSize: 1, numGpuBlocks: 5 }, [
      { isl: 4, osl: 1 },
      { isl: 4, osl: 1 },
    ]);
    driver.submit(0, 1);
    driver.finish();
    expect(driver.engine.hasWork()).toBe(true);
    driver.runUntil(50);
    driver.command("release", 0);
    driver.finish();
    expect(driver.when("admitted", 1)).toBe(50);
    expect(driver.when("held", 1)).toBe(54);
  });

  it("judges the fit by the prompt alone", () => {
    const driver = new EngineDriver(kind, { role: "prefill", blockSize: 1, numGpuBlocks: 5 }, [{ isl: 5, osl: 500 }]);
    expect(driver.submit(0)).toEqual([null]);
  });
});

describe.each(ENGINES)("$name on a decode worker", (kind) => {
  it("reserves the prompt's blocks at once, and decodes when the transfer is done", () => {
    const driver = new EngineDriver(kind, { role: "decode", blockSize: 4 }, [{ isl: 9, osl: 3 }]);
    driver.command("reserve", 0);
    expect(driver.tokens("reserved", 0)).toBe(12);
    expect(driver.usedBlocks).toBe(3);
    driver.finish();
    expect(driver.engine.hasWork()).toBe(false);
    driver.runUntil(7);
    driver.command("activate", 0);
    driver.finish();
    expect(driver.when("admitted", 0)).toBe(7);
    expect([driver.when("firstToken", 0), driver.when("secondToken", 0), driver.when("finished", 0)]).toEqual([
      17, 27, 37,
    ]);
    expect(driver.engine.counters.scheduledPrefillTokens).toBe(0);
    expect(driver.usedBlocks).toBe(0);
  });

  it("needs no transfer for leading blocks that it has cached", () => {
    const driver = new EngineDriver(kind, { role: "decode", blockSize: 4 }, [
      { isl: 12, osl: 1, blocks: [1, 2, 3] },
      { isl: 12, osl: 1, blocks: [1, 2, 4] },
    ]);
    driver.command("reserve", 0);
    driver.command("activate", 0);
    driver.command("reserve", 1);
    expect(driver.tokens("reserved", 0)).toBe(12);
    expect(driver.tokens("reserved", 1)).toBe(4);
    expect(driver.usedBlocks).toBe(4);
  });

  it("lets reservations wait in line for room", () => {
    const driver = new EngineDriver(kind, { role: "decode", blockSize: 1, numGpuBlocks: 10 }, [
      { isl: 6, osl: 2 },
      { isl: 5, osl: 1 },
      { isl: 1, osl: 1 },
    ]);
    driver.command("reserve", 0, 1, 2);
    expect(driver.engine.load(0)).toMatchObject({ usedBlocks: 6, waiting: 3 });
    driver.runUntil(3);
    driver.command("activate", 0);
    driver.finish();
    expect(driver.when("finished", 0)).toBe(23);
    expect(driver.when("reserved", 1)).toBe(23);
    expect(driver.when("reserved", 2)).toBe(23);
  });

  it("decodes on while others' transfers travel", () => {
    const driver = new EngineDriver(kind, { role: "decode" }, [
      { isl: 6, osl: 4 },
      { isl: 6, osl: 2 },
    ]);
    driver.command("reserve", 0);
    driver.command("activate", 0);
    driver.runUntil(5);
    driver.command("reserve", 1);
    driver.runUntil(15);
    driver.command("activate", 1);
    driver.finish();
    // Joins at the end of the pass that was under way.
    expect(driver.when("reserved", 1)).toBe(10);
    expect(driver.when("admitted", 1)).toBe(20);
    expect(driver.when("finished", 1)).toBe(40);
    expect(driver.when("finished", 0)).toBe(40);
  });
});
