import { describe, expect, it } from "vitest";
import { fixedTiming } from "#mocker/engine";
import { PacedEngine } from "../../../src/profiler/thorough/local/pace.ts";

const timing = () => fixedTiming({ prefillMs: 600, decodeMs: 60, perPass: false });

describe("the speed at which local engines are played", () => {
  it("is as fast as a time can still be measured, and no faster than asked", () => {
    expect(new PacedEngine(timing(), 1, 50).plan({ kind: "prefill", isl: 100, requests: 1 })).toBe(10);
    // Long outputs: the pass counts; short ones: all of them; many requests: what the machine can move.
    expect(new PacedEngine(timing(), 1, 50).plan({ kind: "decode", isl: 100, osl: 500, requests: 1 })).toBe(40);
    expect(new PacedEngine(timing(), 1, 50).plan({ kind: "decode", isl: 100, osl: 50, requests: 1 })).toBeCloseTo(
      60 / 8,
    );
    expect(new PacedEngine(timing(), 1, 50).plan({ kind: "decode", isl: 100, osl: 500, requests: 500 })).toBeCloseTo(
      60 / 8,
    );
    expect(new PacedEngine(timing(), 1, 3).plan({ kind: "decode", isl: 100, osl: 500, requests: 1 })).toBe(3);
    expect(new PacedEngine(timing(), 1, 50).plan({ kind: "warm-up", isl: 100, requests: 9 })).toBe(50);
    const quick = fixedTiming({ prefillMs: 0.1, decodeMs: 0.01, perPass: false });
    expect(new PacedEngine(quick, 1, 50).plan({ kind: "prefill", isl: 100, requests: 1 })).toBe(1 / 20);
  });

  it("a burst over ranks takes as long as one rank's share", () => {
    expect(new PacedEngine(timing(), 8, 50).plan({ kind: "prefill", isl: 100, requests: 32 })).toBe(40);
  });

  it("all of an engine's times are divided by it, from the next pass on", () => {
    const engine = new PacedEngine(timing(), 1, 50);
    engine.plan({ kind: "prefill", isl: 100, requests: 1 });
    const work = timing().chunkWorkMs(0, 100);
    expect(engine.timing.prefillMs(1, 100, 0, work)).toBe(timing().prefillMs(1, 100, 0, work) / 10);
    engine.plan({ kind: "warm-up", isl: 100, requests: 1 });
    expect(engine.timing.prefillMs(1, 100, 0, work)).toBe(timing().prefillMs(1, 100, 0, work) / 50);
    expect(engine.timing.decodeMs(1, 100, 100)).toBe(60 / 50);
  });

  it("[R078] passes wait for the requests of a decode batch until all are in", () => {
    const engine = new PacedEngine(timing(), 1, 50);
    engine.plan({ kind: "decode", isl: 100, osl: 500, requests: 3 });
    expect(engine.timing.prefillMs(2, 2, 198, 0)).toBe(200);
    expect(engine.timing.decodeMs(2, 200, 100)).toBe(200);
    engine.timing.prefillMs(1, 1, 99, 0);
    expect(engine.timing.decodeMs(3, 300, 100)).toBe(1.5);
  });
});
