import { describe, expect, it } from "vitest";
import type { EngineConfig } from "#mocker/engine";
import { ENGINES, EngineDriver, type EngineKind, type MadeRequest } from "./engine-driver.ts";

/** 1 ms a prompt token, 10 ms a decode step, blocks of four tokens. */
function drive(kind: EngineKind, requests: readonly MadeRequest[], config: Partial<EngineConfig> = {}): EngineDriver {
  return new EngineDriver(kind, { family: "trtllm", blockSize: 4, ...config }, requests);
}

describe.each(ENGINES)("$name of the family trtllm", (kind) => {
  it("admits a request only where all that the running ones will ever need leaves room for all of its own", () => {
    const admittedAt = (osl: number) => {
      const driver = drive(
        kind,
        [
          { isl: 8, osl: 8 },
          { isl: 8, osl },
        ],
        { numGpuBlocks: 10 },
      );
      driver.submit(0, 1);
      driver.finish();
      expect(driver.engine.counters.preemptions).toBe(0);
      return driver.when("admitted", 1);
    };
    // 4 blocks for the first, 6 for the second.
    expect(admittedAt(16)).toBe(0);
    // 7 for the second: it waits for the eighth token of the first, 8 + 7 × 10.
    expect(admittedAt(17)).toBe(78);
  });

  it("never preempts where the family vllm does", () => {
    const play = (family: EngineConfig["family"]) => {
      const driver = drive(
        kind,
        Array.from({ length: 6 }, (_, i) => ({ isl: 7 + i, osl: 30 })),
        { family, numGpuBlocks: 24 },
      );
      driver.submit(0, 1, 2, 3, 4, 5);
      driver.finish();
      return driver.engine.counters.preemptions;
    };
    expect(play("vllm")).toBeGreaterThan(0);
    expect(play("trtllm")).toBe(0);
  });

  it("computes nothing of a prompt that is cached whole: its first token takes a decode step", () => {
    const same = { isl: 8, osl: 2, blocks: [1, 2] };
    const driver = drive(kind, [same, same]);
    driver.submit(0);
    driver.finish();
    expect(driver.when("finished", 0)).toBe(18);
    driver.submit(1);
    driver.finish();
    expect(driver.tokens("admitted", 1)).toBe(8);
    expect(driver.when("firstToken", 1)).toBe(28);
    expect(driver.when("finished", 1)).toBe(38);
    expect(driver.engine.counters.scheduledPrefillTokens).toBe(8);
  });

  it("admits one prompt that is cached whole when the budget is spent, and nobody else, as DynoSim does", () => {
    const cached = { isl: 8, osl: 2, blocks: [1, 2] };
    const driver = drive(kind, [cached, { isl: 20, osl: 2 }, cached, cached, { isl: 4, osl: 1 }, cached], {
      maxNumBatchedTokens: 8,
    });
    driver.submit(0);
    driver.finish();
    driver.submit(1, 2, 3, 4, 5);
    driver.finish();
    // At 18 and at 36 ms: 8 of the 20 tokens, and a decode step for the next behind. At 54 the long prompt needs 4 tokens, two
    // decode, and 2 are left for the next; one comes in beside it.
    expect([1, 2, 3, 4, 5].map((request) => driver.when("admitted", request))).toEqual([18, 18, 36, 54, 54]);
    expect([2, 3].map((request) => driver.when("firstToken", request))).toEqual([36, 54]);
    expect([2, 3].map((request) => driver.when("finished", request))).toEqual([70, 70]);
  });

  it("rejects what can never fit with all of its output", () => {
    const driver = drive(
      kind,
      [
        { isl: 20, osl: 20 },
        { isl: 20, osl: 21 },
      ],
      { numGpuBlocks: 10 },
    );
    const [fits, tooLong] = driver.submit(0, 1);
    expect(fits).toBeNull();
    expect(tooLong).toContain("exceed the KV cache of 40 tokens");
  });
});
