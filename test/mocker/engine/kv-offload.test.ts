import { describe, expect, it } from "vitest";
import { type EngineConfig, type KvOffload, LockStep } from "#mocker/engine";
import { ENGINES, EngineDriver, type EngineKind, type MadeRequest } from "./engine-driver.ts";

/** 5 ms a block. */
const HOST: KvOffload = { hostBlocks: 8, bytesPerBlock: 5e6, bytesPerSecond: 1e9 };

/** A prompt of three named blocks and a token more; the second one in between takes the whole cache. */
const PROMPTS: MadeRequest[] = [
  { isl: 13, osl: 1, blocks: [1, 2, 3] },
  { isl: 16, osl: 1 },
  { isl: 13, osl: 3, blocks: [1, 2, 3] },
  { isl: 4, osl: 8 },
  { isl: 4, osl: 1 },
];

function evicted(kind: EngineKind, overrides: Partial<EngineConfig> = {}): EngineDriver {
  const driver = new EngineDriver(
    kind,
    { blockSize: 4, numGpuBlocks: 4, maxNumBatchedTokens: 64, kvOffload: HOST, ...overrides },
    PROMPTS,
  );
  for (const request of [0, 1]) {
    driver.submit(request);
    driver.finish();
  }
  return driver;
}

describe.each(ENGINES)("$name with host memory", (kind) => {
  it("loads what was evicted, and computes the rest when it is there", () => {
    const driver = evicted(kind);
    expect([driver.engine.hostBlocks, driver.usedBlocks]).toEqual([3, 0]);
    const fromMs = driver.nowMs;
    driver.submit(2);
    driver.finish();
    expect(driver.tokens("admitted", 2)).toBe(12);
    expect(driver.when("admitted", 2)).toBe(fromMs);
    // Three blocks are loaded, one token is computed.
    expect(driver.when("firstToken", 2)).toBeCloseTo(fromMs + 3 * 5 + 1, 9);
    expect(driver.engine.counters).toMatchObject({ prefixHitTokens: 12, hostHitTokens: 12, hostLoadMs: 15 });
    // What was evicted for it is there as well: four blocks of the second prompt.
    expect(driver.engine.hostBlocks).toBe(7);
  });

  it("computes what it has no room for", () => {
    const driver = evicted(kind, { kvOffload: { ...HOST, hostBlocks: 1 } });
    const fromMs = driver.nowMs;
    driver.submit(2);
    driver.finish();
    // Tails are evicted before heads, so that the head is what is left.
    expect(driver.tokens("admitted", 2)).toBe(4);
    expect(driver.when("firstToken", 2)).toBeCloseTo(fromMs + 5 + 9, 9);
  });

  it("loads beside the passes of others", () => {
    const driver = new EngineDriver(
      kind,
      { blockSize: 4, numGpuBlocks: 8, kvOffload: { ...HOST, bytesPerBlock: 8e6 } },
      [PROMPTS[0]!, { isl: 32, osl: 1 }, PROMPTS[2]!, PROMPTS[3]!],
    );
    for (const request of [0, 1]) {
      driver.submit(request);
      driver.finish();
    }
    const fromMs = driver.nowMs;
    driver.submit(3, 2);
    driver.finish();
    // Passes of 4 ms (its prompt) and 10 ms each; the load of 24 ms is there for the pass that begins at 24.
    expect(driver.when("firstToken", 3)).toBe(fromMs + 4);
    expect(driver.when("firstToken", 2)).toBeCloseTo(fromMs + 24 + 11, 9);
    expect(driver.when("finished", 3)).toBeCloseTo(fromMs + 4 + 70 + 1, 9);
  });

  it("begins with whoever comes while it only loads", () => {
    const driver = evicted(kind, { numGpuBlocks: 5 });
    const fromMs = driver.nowMs;
    driver.submit(2);
    driver.runUntil(fromMs + 2);
    // The head was not evicted.
    expect(driver.engine.counters).toMatchObject({ prefixHitTokens: 12, hostHitTokens: 8 });
    expect(driver.engine.busy).toBe(false);
    expect(driver.engine.load(driver.nowMs)).toMatchObject({ running: 1, waiting: 0 });
    driver.submit(4);
    driver.finish();
    expect(driver.when("firstToken", 4)).toBe(fromMs + 6);
    expect(driver.when("firstToken", 2)).toBeCloseTo(fromMs + 10 + 1, 9);
  });

  it("loads one request's blocks after another's", () => {
    const driver = new EngineDriver(kind, { blockSize: 4, numGpuBlocks: 8, kvOffload: HOST }, [
      { isl: 9, osl: 1, blocks: [1, 2] },
      { isl: 9, osl: 1, blocks: [5, 6] },
      { isl: 32, osl: 1 },
      { isl: 9, osl: 1, blocks: [1, 2] },
      { isl: 9, osl: 1, blocks: [5, 6] },
    ]);
    driver.submit(0, 1);
    driver.finish();
    driver.submit(2);
    driver.finish();
    const fromMs = driver.nowMs;
    driver.submit(3, 4);
    driver.finish();
    expect(driver.when("firstToken", 3)).toBeCloseTo(fromMs + 10 + 1, 9);
    expect(driver.when("firstToken", 4)).toBeCloseTo(fromMs + 20 + 1, 9);
  });

  it("takes no time with a speed-up of 0", () => {
    const driver = evicted(kind, { speedupRatio: 0 });
    driver.submit(2);
    driver.finish();
    expect(driver.tokens("admitted", 2)).toBe(12);
    expect(driver.engine.counters).toMatchObject({ hostHitTokens: 12, hostLoadMs: 0 });
    expect(driver.nowMs).toBe(0);
  });

  it("gives blocks back that are still on their way", () => {
    const driver = evicted(kind);
    const fromMs = driver.nowMs;
    driver.submit(2);
    driver.runUntil(fromMs + 3);
    expect(driver.usedBlocks).toBe(4);
    driver.command("cancel", 2);
    expect(driver.usedBlocks).toBe(0);
    driver.finish();
    expect(driver.engine.isEmpty()).toBe(true);
    expect(driver.nowMs).toBe(fromMs + 3);
  });

  it("goes on in lock step without waiting for a rank that only loads", () => {
    const [loading, computing] = [evicted(kind), evicted(kind)];
    const fromMs = loading.nowMs;
    const ranks = new LockStep([loading.engine, computing.engine]);
    loading.engine.submit(2, fromMs);
    computing.engine.submit(3, fromMs);
    expect(ranks.start(fromMs)).toBe(fromMs + 4);
    ranks.complete();
    computing.engine.cancel(3, fromMs + 4);
    expect(ranks.start(fromMs + 4)).toBeNaN();
    expect(ranks.wakeMs).toBeCloseTo(fromMs + 15, 9);
    expect(ranks.start(ranks.wakeMs)).toBeCloseTo(fromMs + 16, 9);
  });
});
