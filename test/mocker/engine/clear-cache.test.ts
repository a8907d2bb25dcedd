import { describe, expect, it } from "vitest";
import type { LiveEngine } from "#mocker/engine";
import { ENGINES, EngineDriver } from "./engine-driver.ts";

const [stepping] = ENGINES;

function drive() {
  const driver = new EngineDriver(stepping, { blockSize: 4, kvEvents: true }, [
    { isl: 9, osl: 1, blocks: [1, 2] },
    { isl: 9, osl: 50, blocks: [1, 3] },
    { isl: 9, osl: 1, blocks: [1, 2] },
  ]);
  return { driver, engine: driver.engine as LiveEngine };
}

describe("clearing the cache of the stepping engine", () => {
  it("drops what nobody uses, and keeps what a running request has", () => {
    const { driver, engine } = drive();
    driver.submit(0);
    driver.finish();
    driver.submit(1);
    driver.runUntil(driver.nowMs + 10);
    const events = driver.kvEvents.length;
    expect(engine.clearCache()).toEqual({ removed: [2], empty: false });
    expect(driver.kvEvents).toHaveLength(events);
    driver.submit(2);
    driver.finish();
    expect(driver.tokens("admitted", 2)).toBe(4);
    expect(driver.tokens("finished", 1)).toBe(50);
  });

  it("leaves nothing where nothing runs, so that everything is computed again", () => {
    const { driver, engine } = drive();
    driver.submit(0);
    driver.finish();
    expect(engine.clearCache()).toEqual({ removed: [2, 1], empty: true });
    expect(engine.clearCache()).toEqual({ removed: [], empty: true });
    driver.submit(2);
    driver.finish();
    expect(driver.tokens("admitted", 2)).toBe(0);
    expect(engine.counters.evictedBlocks).toBe(0);
    expect(driver.usedBlocks).toBe(0);
  });
});
