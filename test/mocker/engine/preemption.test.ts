import { describe, expect, it } from "vitest";
import { fixedTiming, NO_ENGINE_QUIRKS } from "#mocker/engine";
import { ENGINES, EngineDriver, type EngineKind } from "./engine-driver.ts";

/** Two requests of 4 + 6 tokens in 12 blocks of one token: at 28 ms both have 6 blocks and need a seventh. */
function pressure(kind: EngineKind, preemption: "lifo" | "fifo", prefixCaching: boolean): EngineDriver {
  const driver = new EngineDriver(kind, { blockSize: 1, numGpuBlocks: 12, preemption, prefixCaching }, [
    { isl: 4, osl: 6 },
    { isl: 4, osl: 6 },
  ]);
  driver.submit(0, 1);
  driver.finish();
  return driver;
}

describe.each(ENGINES)("$name: preemption", (kind) => {
  it.each([
    ["lifo", 1],
    ["fifo", 0],
  ] as const)("%s takes the blocks of one request, whose tokens are computed again later", (preemption, victim) => {
    const driver = pressure(kind, preemption, false);
    const other = 1 - victim;
    expect(driver.events.filter((event) => event.kind === "preempted")).toEqual([
      { kind: "preempted", request: victim, atMs: 28 },
    ]);
    expect(driver.when("finished", other)).toBe(58);
    const admissions = driver.events.filter((event) => event.kind === "admitted" && event.request === victim);
    expect(admissions.map(({ atMs, tokens }) => [atMs, tokens])).toEqual([
      [0, 0],
      [58, 0],
    ]);
    // All 4 + 3 tokens cost prefill again; then two decode steps are left.
    expect(driver.when("finished", victim)).toBe(58 + 7 + 10 + 10);
    expect(driver.tokens("finished", victim)).toBe(6);
    expect(driver.engine.counters).toMatchObject({ preemptions: 1, scheduledPrefillTokens: 4 + 4 + 7 });
    expect(driver.usedBlocks).toBe(0);
  });

  it("finds what is left of a preempted request's own blocks", () => {
    const driver = pressure(kind, "lifo", true);
    // The other took three of its six blocks, from the tail: four of the seven tokens are missing.
    expect(driver.when("finished", 1)).toBe(58 + 4 + 10 + 10);
    expect(driver.engine.counters).toMatchObject({ prefixHitTokens: 3, evictedBlocks: 3 + 4 + 2 });
  });

  it("does not count as the request's first token twice, nor lose a gap", () => {
    const driver = pressure(kind, "lifo", false);
    const firsts = driver.events.filter((event) => event.kind === "firstToken" || event.kind === "secondToken");
    expect(firsts.map(({ request, atMs }) => [request, atMs]).sort()).toEqual([
      [0, 18],
      [0, 8],
      [1, 18],
      [1, 8],
    ]);
    expect(driver.gaps.reduce((sum, { weight }) => sum + weight, 0)).toBe(10);
    // From the third token to the fourth: 28 → 65.
    expect(Math.max(...driver.gaps.map(({ gapMs }) => gapMs))).toBe(37);
  });

  it("leaves the block to who decodes where a prompt that is cut finds none, and has to go", () => {
    // As DynoSim plays it: at 115 ms one block is left; the first takes it for its 81st token, the third's next 15 find none.
    const timing = fixedTiming({ prefillMs: 10, decodeMs: 1, perPass: true });
    const quirks = { ...NO_ENGINE_QUIRKS, gateWithoutReservation: true };
    const config = { timing, quirks, blockSize: 16, numGpuBlocks: 11, maxNumBatchedTokens: 16, prefixCaching: false };
    const driver = new EngineDriver(kind, { ...config, preemption: "lifo" }, [
      { isl: 65, osl: 34 },
      { isl: 5, osl: 11 },
      { isl: 84, osl: 9 },
    ]);
    driver.submit(0, 1, 2);
    driver.finish();
    const last = driver.events.filter((event) => event.kind === "finished").map((event) => [event.request, event.atMs]);
    expect(driver.events.filter((event) => event.kind === "preempted").map((event) => event.atMs)).toEqual([115]);
    expect(last).toEqual([
      [1, 60],
      [0, 133],
      [2, 201],
    ]);
  });

  it("goes to the head of the queue", () => {
    const driver = new EngineDriver(kind, { blockSize: 1, numGpuBlocks: 12, prefixCaching: false }, [
      { isl: 4, osl: 6 },
      { isl: 4, osl: 6 },
      { isl: 5, osl: 1 },
    ]);
    driver.submit(0, 1);
    driver.runUntil(20);
    driver.submit(2);
    driver.runUntil(30);
    // Its whole prompt is to be computed again.
    expect(driver.engine.load(30)).toMatchObject({ running: 1, waiting: 2, queuedPrefillTokens: 4 + 5 });
    driver.finish();
    const readmitted = driver.events.findLastIndex((event) => event.kind === "admitted" && event.request === 1);
    const newcomer = driver.events.findIndex((event) => event.kind === "admitted" && event.request === 2);
    expect(newcomer).toBeGreaterThan(readmitted);
    expect(driver.when("finished", 2)).toBeGreaterThan(58);
  });

  it("rejects a request that outgrew the token budget where its tokens can't be computed in chunks", () => {
    const driver = new EngineDriver(
      kind,
      { blockSize: 1, numGpuBlocks: 12, prefixCaching: false, chunkedPrefill: false, maxNumBatchedTokens: 5 },
      [
        { isl: 4, osl: 6 },
        { isl: 4, osl: 6 },
        { isl: 3, osl: 1 },
      ],
    );
    driver.submit(0, 1);
    driver.runUntil(30);
    driver.submit(2);
    driver.finish();
    expect(driver.when("preempted", 1)).toBe(28);
    expect(driver.when("rejected", 1)).toBe(driver.when("finished", 0));
    // Whoever stood behind it is served.
    expect(driver.when("finished", 2)).toBe(driver.when("rejected", 1) + 3);
    expect(driver.engine.isEmpty()).toBe(true);
    expect(driver.usedBlocks).toBe(0);
  });
});
