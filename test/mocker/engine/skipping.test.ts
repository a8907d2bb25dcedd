import { describe, expect, it } from "vitest";
import { randomStream } from "#common";
import { ENGINE_DEFAULTS, type EngineConfig } from "#mocker/engine";
import { ENGINES, EngineDriver, type EngineKind, type MadeRequest } from "./engine-driver.ts";

const [stepping, skipping] = ENGINES;

/** Requests 300 ms apart on average, in groups that share their first two blocks. */
function traffic(count: number, osl: number): { requests: MadeRequest[]; atMs: number[] } {
  const random = randomStream(7, "requests");
  let clockMs = 0;
  const atMs: number[] = [];
  const requests = Array.from({ length: count }, () => {
    clockMs += Math.round(random.exponential(300));
    atMs.push(clockMs);
    const group = 1000 * random.integer(4);
    return { isl: 40 + random.integer(60), osl: 1 + random.integer(2 * osl), blocks: [group, group + 1] };
  });
  return { requests, atMs };
}

function play(kind: EngineKind, config: Partial<EngineConfig>, osl = 100): EngineDriver {
  const { requests, atMs } = traffic(120, osl);
  const driver = new EngineDriver(kind, { blockSize: 16, ...config }, requests);
  requests.forEach((_, request) => {
    driver.runUntil(atMs[request]!);
    driver.submit(request);
  });
  driver.finish();
  return driver;
}

describe.each(ENGINES)("$name, stopped in the middle of a request", (kind) => {
  it("has ended the passes until then and begun the next", () => {
    const driver = new EngineDriver(kind, { blockSize: 1 }, [{ isl: 4, osl: 50 }]);
    driver.submit(0);
    driver.runUntil(37);
    driver.engine.stop(37);
    expect(driver.engine.busy).toBe(false);
    expect(driver.when("secondToken", 0)).toBe(14);
    expect(driver.engine.counters.passes).toBe(4);
    // Four tokens are out; the pass that began at 34 has taken its block.
    expect(driver.engine.load(37)).toMatchObject({ kvTokens: 8, usedBlocks: 8, lastPassMs: 10 });
  });
});

describe("the skipping engine", () => {
  it.each([
    ["with prefix hits", { prefixCaching: true }, (driver: EngineDriver) => driver.engine.counters.prefixHitTokens],
    [
      "under KV pressure with preemptions",
      { numGpuBlocks: 60, prefixCaching: true },
      (driver: EngineDriver) => driver.engine.counters.preemptions,
    ],
    [
      "under KV pressure without a cache of prefixes",
      { numGpuBlocks: 60, prefixCaching: false },
      (driver: EngineDriver) => driver.engine.counters.preemptions,
    ],
  ])("skips at least nine of ten steady passes %s", (_, config, happened) => {
    const expected = play(stepping, config).engine.counters;
    const driver = play(skipping, config);
    expect(happened(driver)).toBeGreaterThan(0);
    expect(driver.engine.counters.steadyPasses).toBe(expected.steadyPasses);
    expect(driver.engine.counters.skippedPasses).toBeGreaterThanOrEqual(0.9 * expected.steadyPasses);
  });

  it.each([
    ["with prefix hits", {}, (driver: EngineDriver) => driver.engine.counters.prefixHitTokens],
    [
      "under KV pressure with retractions",
      { numGpuBlocks: 40, sglang: { ...ENGINE_DEFAULTS.sglang, scheduleConservativeness: 0.1 } },
      (driver: EngineDriver) => driver.engine.counters.preemptions,
    ],
    [
      "with evictions token by token",
      { blockSize: 1, numGpuBlocks: 1200, sglang: { ...ENGINE_DEFAULTS.sglang, scheduleConservativeness: 0.3 } },
      (driver: EngineDriver) => driver.engine.counters.evictedBlocks,
    ],
  ])("of the family sglang skips most steady passes %s", (_title, config, happened) => {
    const played = (kind: EngineKind) => play(kind, { family: "sglang" as const, ...config });
    const expected = played(stepping).engine.counters;
    const driver = played(skipping);
    expect(happened(driver)).toBeGreaterThan(0);
    const { skippedPasses, ...counters } = driver.engine.counters;
    const { skippedPasses: _, ...steps } = expected;
    expect(counters).toEqual(steps);
    expect(skippedPasses).toBeGreaterThanOrEqual(0.7 * expected.steadyPasses);
  });

  it("wakes with the events of a run, not with its tokens", () => {
    const wakes = (osl: number) => {
      const driver = new EngineDriver(
        skipping,
        {},
        Array.from({ length: 8 }, (_, i) => ({ isl: 100, osl: osl - i })),
      );
      driver.submit(0, 1, 2, 3, 4, 5, 6, 7);
      driver.finish();
      return [driver.engine.counters.passes, driver.wakes];
    };
    const [passes, few] = wakes(100);
    expect(passes).toBe(100);
    expect(wakes(1000)).toEqual([1000, few]);
    // The prompts' pass, one until each of the eight ends.
    expect(few).toBe(9);
  });
});
