import { describe, expect, it } from "vitest";
import { acceptRates, DYNOSIM_ENGINE_QUIRKS, ENGINE_DEFAULTS, type EngineConfig } from "#mocker/engine";
import { ENGINES, EngineDriver, type EngineKind, HAND_TIMING, type MadeRequest } from "./engine-driver.ts";

/** 1 ms a prompt token, 10 ms a decode step. */
function play(
  kind: EngineKind,
  requests: readonly MadeRequest[],
  rates: readonly number[],
  config: Partial<EngineConfig> = {},
): EngineDriver {
  const driver = new EngineDriver(kind, { speculative: { acceptRates: rates, seed: 42 }, ...config }, requests);
  driver.submit(...requests.keys());
  driver.finish();
  return driver;
}

const gapsOf = ({ gaps }: EngineDriver) => gaps.flatMap(({ gapMs, weight }) => new Array<number>(weight).fill(gapMs));

// Bursts, and the decode step of the pass that completes a prompt, are as in ai-dynamo 1.6.1's DynoSim with `aic_nextn`.
describe.each(ENGINES)("$name with speculative decoding", (kind) => {
  it("emits what is accepted together, from the pass on that completes the prompt", () => {
    const driver = play(kind, [{ isl: 100, osl: 10 }], [1, 1]);
    expect(driver.when("firstToken", 0)).toBe(110);
    expect(driver.when("secondToken", 0)).toBe(110);
    // 3 + 3 + 3 + 1
    expect(driver.when("finished", 0)).toBe(140);
    expect(gapsOf(driver).sort()).toEqual([0, 0, 0, 0, 0, 0, 10, 10, 10]);
    expect(driver.engine.counters).toMatchObject({ passes: 4, drafts: 4, draftTokens: 8, acceptedDraftTokens: 6 });
  });

  it("emits one token a step where nothing is accepted", () => {
    expect(play(kind, [{ isl: 100, osl: 10 }], [0, 1]).when("finished", 0)).toBe(200);
  });

  it("draws as DynoSim does from the same seed", () => {
    // Tokens of the steps from seed 42 at a half: 1 1 1 2 2 2 1 1 2 2 1 1 2 2 1 2 2 1 2 1 1 2 …
    for (const [osl, steps] of [
      [3, 3],
      [5, 4],
      [9, 6],
      [11, 8],
      [24, 16],
      [26, 17],
    ] as const) {
      expect(play(kind, [{ isl: 100, osl }], [0.5]).when("finished", 0)).toBe(100 + 10 * steps);
    }
  });

  it("takes one token of the budget for a step, whatever it brings", () => {
    const driver = play(
      kind,
      [
        { isl: 6, osl: 20 },
        { isl: 15, osl: 5 },
      ],
      [1, 1, 1, 1],
      { maxNumBatchedTokens: 6 },
    );
    // Prompts of 6, 5, 5 and 5 tokens beside one decode step each; the first request has 5 tokens after each pass.
    expect(driver.when("firstToken", 0)).toBe(16);
    expect(driver.when("finished", 0)).toBe(16 + 3 * 15);
    expect(driver.when("finished", 1)).toBe(16 + 3 * 15);
  });
});

describe.each(ENGINES)("$name of SGLang with speculative decoding", (kind) => {
  const SGLANG: Partial<EngineConfig> = { family: "sglang", blockSize: 1 };

  it("emits one token with the prompt, and what is accepted together from then on", () => {
    const driver = play(kind, [{ isl: 100, osl: 10 }], [1, 1], SGLANG);
    expect(driver.when("firstToken", 0)).toBe(100);
    expect(driver.when("secondToken", 0)).toBe(110);
    // 1 + 3 + 3 + 3
    expect(driver.when("finished", 0)).toBe(130);
    expect(gapsOf(driver).sort()).toEqual([0, 0, 0, 0, 0, 0, 10, 10, 10]);
    expect(driver.engine.counters).toMatchObject({ passes: 4, drafts: 3, draftTokens: 6, acceptedDraftTokens: 6 });
  });

  it("draws as DynoSim does from the same seed", () => {
    for (const [osl, ms] of [
      [4, 130],
      [6, 140],
      [10, 160],
      [24, 260],
      [30, 290],
    ] as const) {
      expect(play(kind, [{ isl: 100, osl }], [0.5], SGLANG).when("finished", 0)).toBe(ms);
    }
  });

  it("does not draw for what is sure to be accepted", () => {
    for (const [osl, ms] of [
      [4, 120],
      [7, 130],
      [12, 150],
      [25, 200],
      [40, 260],
    ] as const) {
      expect(play(kind, [{ isl: 100, osl }], [1, 0.5], SGLANG).when("finished", 0)).toBe(ms);
    }
  });

  it("needs slots for all that may come out of a pass, and gives back those of what was not accepted", () => {
    const two = [
      { isl: 30, osl: 40 },
      { isl: 30, osl: 40 },
    ];
    const sglang = { ...ENGINE_DEFAULTS.sglang, scheduleConservativeness: 0.05, clipMaxNewTokens: 1 };
    const config = { ...SGLANG, sglang, numGpuBlocks: 120 };
    const retractedMs = (speculative: EngineConfig["speculative"]) => {
      const driver = new EngineDriver(kind, { ...config, speculative }, two);
      driver.submit(0, 1);
      driver.finish();
      return driver.when("preempted", 0);
    };
    // 60 tokens of prompts, and two a pass: 118 tokens have slots when 29 passes are over.
    const plainMs = retractedMs(null);
    expect(plainMs).toBe(60 + 10 * 30);
    // Two more tokens for each of both.
    expect(retractedMs({ acceptRates: [0, 1], seed: 1 })).toBe(plainMs - 2 * 10);
  });
});

it("accept rates are padded with 0, cut, or DynoSim's default", () => {
  expect(acceptRates(3, [0.5])).toEqual([0.5, 0, 0]);
  expect(acceptRates(1, [0.5, 0.4])).toEqual([0.5]);
  expect(acceptRates(3)).toEqual([0.85, 0.3, 0]);
});

describe.each(ENGINES)("$name of vLLM, whose drafts want room", (kind) => {
  /** 100 ms a pass with prompts, 10 ms a decode step: two requests that half the blocks they need are left for. */
  function pressed(rates: readonly number[]): EngineDriver {
    const timing = { ...HAND_TIMING, prefillMs: (batch: number) => (batch > 0 ? 100 : 0) };
    const requests = [
      { isl: 30, osl: 40 },
      { isl: 31, osl: 40 },
    ];
    const config = { blockSize: 4, numGpuBlocks: 18, prefixCaching: false, timing, quirks: DYNOSIM_ENGINE_QUIRKS };
    const driver = new EngineDriver(kind, { speculative: { acceptRates: rates, seed: 42 }, ...config }, requests);
    driver.submit(0);
    driver.runUntil(1);
    driver.submit(1);
    driver.finish();
    return driver;
  }
  const admissions = ({ events }: EngineDriver, request: number) =>
    events.flatMap((event) => (event.kind === "admitted" && event.request === request ? [event.atMs] : []));

  // All times are those of ai-dynamo 1.6.1's DynoSim.
  it("preempts before a pass for what it may bring, and gives back what was not accepted", () => {
    const driver = pressed([0]);
    expect(admissions(driver, 1)).toEqual([110, 260, 700]);
    expect(driver.when("finished", 0)).toBe(700);
    expect(driver.when("finished", 1)).toBe(1160);
  });

  it("computes prompts for nothing whose own draft finds no room", () => {
    const driver = pressed([0, 0, 0, 0, 0]);
    expect(admissions(driver, 1)).toEqual([110, 220, 330, 440, 550, 660, 770, 880, 990, 1100, 1500]);
    expect(driver.when("finished", 0)).toBe(1500);
    expect(driver.when("firstToken", 1)).toBe(1610);
  });

  it("computes the last cached block of a prompt again", () => {
    const requests = Array.from({ length: 2 }, () => ({ isl: 41, osl: 2, blocks: [1, 2, 3, 4] }));
    const reused = (rates: readonly number[] | null) => {
      const speculative = rates === null ? null : { acceptRates: rates, seed: 0 };
      const driver = new EngineDriver(kind, { blockSize: 8, speculative }, requests);
      driver.submit(0, 1);
      driver.finish();
      return driver.events.find((event) => event.kind === "admitted" && event.request === 1)?.tokens;
    };
    expect(reused(null)).toBe(32);
    expect(reused([0])).toBe(24);
  });

  it("goes without room where nobody would ever gain a token otherwise", () => {
    const requests = [
      { isl: 15, osl: 20 },
      { isl: 18, osl: 15 },
    ];
    const small = { blockSize: 1, numGpuBlocks: 42, maxNumBatchedTokens: 13, prefixCaching: false };
    const driver = play(kind, requests, [0, 0, 0], { ...small, preemption: "fifo" });
    expect(driver.events.filter((event) => event.kind === "finished")).toHaveLength(2);
  });
});
