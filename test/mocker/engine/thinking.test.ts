import { describe, expect, it } from "vitest";
import { firstOutputPlace, thinkingTokens } from "#mocker/engine";
import { ENGINES, EngineDriver } from "./engine-driver.ts";

describe.each(ENGINES)("$name with a model that thinks", (kind) => {
  const driverOf = (config: ConstructorParameters<typeof EngineDriver>[1], osls: readonly number[]) => {
    const driver = new EngineDriver(
      kind,
      config,
      osls.map((osl) => ({ isl: 100, osl })),
    );
    driver.submit(...osls.keys());
    driver.finish();
    return driver;
  };

  it("tells the first token after it, in the middle of passes that nothing else happens in", () => {
    const driver = driverOf({ thinkingRatio: 0.6, maxNumSeqs: 1 }, [1000, 1, 3]);
    expect(driver.when("firstOutputToken", 0)).toBe(100 + 600 * 10);
    // Where a share comes to no token there is no thinking.
    expect(driver.when("firstOutputToken", 1)).toBe(driver.when("firstToken", 1));
    expect(driver.when("firstOutputToken", 2)).toBe(driver.when("finished", 2));
  });

  it("tells none where nothing follows, and none of a model that does not think", () => {
    expect(driverOf({ thinkingRatio: 1 }, [10]).when("firstOutputToken", 0)).toBeNaN();
    expect(driverOf({ thinkingRatio: 0.5 }, [2]).when("firstOutputToken", 0)).toBeNaN();
    expect(driverOf({}, [10]).when("firstOutputToken", 0)).toBeNaN();
  });

  it("tells it with the pass that brings it among several tokens", () => {
    // 3 + 3 + 3 + 1 tokens, the seventh of which is the first after six.
    const driver = driverOf({ thinkingRatio: 0.6, speculative: { acceptRates: [1, 1], seed: 42 } }, [10]);
    expect(driver.when("firstOutputToken", 0)).toBe(130);
  });

  it("tells it once, also of a request that was preempted after it, or before", () => {
    const driver = driverOf({ thinkingRatio: 0.4, blockSize: 10, numGpuBlocks: 32, prefixCaching: false }, [120, 120]);
    const { preemptions } = driver.engine.counters;
    expect(preemptions).toBeGreaterThan(0);
    for (const request of [0, 1]) {
      const told = driver.events.filter((event) => event.kind === "firstOutputToken" && event.request === request);
      expect(told).toHaveLength(1);
    }
  });

  it("tells nothing of what was cancelled before it", () => {
    const driver = new EngineDriver(kind, { thinkingRatio: 0.5 }, [
      { isl: 100, osl: 100 },
      { isl: 100, osl: 100 },
    ]);
    driver.submit(0, 1);
    driver.runUntil(400);
    driver.command("cancel", 0);
    driver.finish();
    expect(driver.when("firstOutputToken", 0)).toBeNaN();
    expect(driver.when("firstOutputToken", 1)).toBe(200 + 50 * 10);
  });
});

// The rule is that of Dynamo's mocker (ai-dynamo 1.6.1): the two tokens that mark it are the least.
it("thinking is a share of the output, rounded down: none, or two tokens at least", () => {
  expect([0, 0.1, 0.2, 0.6, 1].map((ratio) => thinkingTokens(9, ratio))).toEqual([0, 0, 2, 5, 9]);
  expect([0, 1, 2, 3].map((tokens) => thinkingTokens(tokens, 0.5))).toEqual([0, 0, 2, 2]);
  expect([0, 0.1, 0.2, 0.6, 1].map((ratio) => firstOutputPlace(9, ratio))).toEqual([0, 1, 3, 6, 0]);
});
