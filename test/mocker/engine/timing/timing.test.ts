import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fixedTiming, polynomialTiming, profileTiming, tableTiming } from "#mocker/engine";
import type { MockerTable, Surface } from "#profiles";

const TABLE: MockerTable = {
  prefillIsl: [100, 200, 400],
  prefillTtftMs: [10, 30, 50],
  decodeActiveKvTokens: [0, 1000],
  decodeContextLength: [100, 300],
  decodeItlMs: [
    [4, 6],
    [8, 18],
  ],
};

describe("fixed timing", () => {
  it("charges each prompt, or the pass where it shall be DynoSim's", () => {
    const perPrompt = fixedTiming({ prefillMs: 20, decodeMs: 5, perPass: false });
    const perPass = fixedTiming({ prefillMs: 20, decodeMs: 5, perPass: true });
    expect(perPrompt.prefillMs(3, 300, 0, 0)).toBe(60);
    expect(perPass.prefillMs(3, 300, 0, 0)).toBe(20);
    expect(perPass.decodeMs(7, 100, 14)).toBe(5);
    expect(perPass.prefillMs(0, 0, 0, 0) + perPass.decodeMs(0, 0, 0)).toBe(0);
  });
});

describe("polynomial timing", () => {
  const timing = polynomialTiming({ capacityTokens: 1_048_576 });

  it("gives the times that DynoSim recorded for one request of 1000 tokens", () => {
    expect(timing.prefillMs(1, 1000, 0, 0)).toBeCloseTo(32.1058589, 10);
  });

  it("stops growing at a full cache and costs nothing without work", () => {
    expect(timing.decodeMs(1, 1_048_576, 1)).toBeCloseTo(34.01, 10);
    expect(timing.decodeMs(1, 9e9, 1)).toBe(timing.decodeMs(1, 1_048_576, 1));
    expect(timing.prefillMs(0, 0, 0, 0)).toBe(0);
    expect(timing.prefillMs(2, 0, 0, 0)).toBe(0);
    expect(timing.decodeMs(0, 0, 0)).toBe(0);
  });
});

describe("table timing", () => {
  it("is linear between the prefill points and goes on along the end segments", () => {
    const timing = tableTiming(TABLE);
    expect([100, 150, 200, 300, 400].map((t) => timing.prefillMs(1, t, 0, 0))).toEqual([10, 20, 30, 40, 50]);
    expect(timing.extrapolations()).toBe(0);
    expect(timing.prefillMs(1, 600, 0, 0)).toBe(70);
    expect(timing.prefillMs(1, 80, 0, 0)).toBe(6);
    expect(timing.prefillMs(1, 10, 0, 0)).toBe(0);
    expect(timing.extrapolations()).toBe(3);
  });

  it("is bilinear in decode, extrapolates, and never goes below 1 ms", () => {
    const timing = tableTiming(TABLE);
    expect(timing.decodeMs(2, 0, 100)).toBe(4);
    expect(timing.decodeMs(2, 500, 200)).toBe(9);
    expect(timing.decodeMs(2, 2000, 100)).toBe(12);
    expect(timing.decodeMs(2, 0, 500)).toBe(8);
    expect(timing.decodeMs(2, -5000, 100)).toBe(1);
    expect(timing.extrapolations()).toBe(3);
  });

  it("answers the same whatever was asked before", () => {
    const warm = tableTiming(TABLE);
    const query = fc.tuple(fc.integer({ min: 1, max: 700 }), fc.integer({ min: 0, max: 2000 }));
    fc.assert(
      fc.property(query, ([x, y]) => {
        expect(warm.prefillMs(1, x, 0, 0)).toBe(tableTiming(TABLE).prefillMs(1, x, 0, 0));
        expect(warm.decodeMs(1, y, x)).toBe(tableTiming(TABLE).decodeMs(1, y, x));
      }),
    );
  });

  it("works with single points", () => {
    const timing = tableTiming({
      prefillIsl: [5],
      prefillTtftMs: [7],
      decodeActiveKvTokens: [5],
      decodeContextLength: [5],
      decodeItlMs: [[3]],
    });
    expect(timing.prefillMs(1, 9, 0, 0)).toBe(7);
    expect(timing.decodeMs(1, 9, 9)).toBe(3);
  });
});

function lineSurface(offsetMs: number, msPerToken: number): Surface {
  const unused = () => {
    throw new Error("not read by timing");
  };
  return {
    family: "robust",
    maxKvTokens: 1000,
    ttftMs: (isl) => offsetMs + msPerToken * isl,
    itlMs: (usage, context) => 1 + usage * 10 + context / 100,
    prefillThroughputPerGpu: unused,
    decodeThroughputPerGpu: unused,
    bestThroughputPerGpu: unused,
    extrapolates: (usage) => usage > 1,
    extrapolatesPrefill: (isl) => isl > 500,
  };
}

describe("profile timing", () => {
  it("charges the offset once a pass, and each chunk what its tokens cost", () => {
    const timing = profileTiming(lineSurface(10, 0.1));
    const whole = timing.chunkWorkMs(0, 300);
    expect(timing.prefillMs(1, 300, 0, whole)).toBeCloseTo(40, 12);
    expect(timing.prefillMs(2, 600, 0, whole + whole)).toBeCloseTo(70, 12);
    expect(timing.prefillMs(1, 100, 200, timing.chunkWorkMs(200, 300))).toBeCloseTo(20, 12);
    expect(timing.prefillMs(0, 0, 0, 0)).toBe(0);
  });

  it("adds up to the whole prompt however it is cut", () => {
    const timing = profileTiming(lineSurface(10, 0.1));
    fc.assert(
      fc.property(fc.uniqueArray(fc.integer({ min: 1, max: 999 }), { minLength: 1 }), (cuts) => {
        const ends = [...cuts, 1000].sort((a, b) => a - b);
        const sum = ends.reduce((total, end, i) => total + timing.chunkWorkMs(i === 0 ? 0 : ends[i - 1]!, end), 0);
        expect(sum).toBeCloseTo(timing.chunkWorkMs(0, 1000), 9);
      }),
    );
  });

  it("never charges less than nothing where the surface falls below 0 at 0 tokens", () => {
    const timing = profileTiming(lineSurface(-5, 0.1));
    expect(timing.prefillMs(1, 20, 0, timing.chunkWorkMs(0, 20))).toBe(0);
    expect(timing.prefillMs(1, 200, 0, timing.chunkWorkMs(0, 200))).toBeCloseTo(15, 12);
  });

  it("reads the batch's total instead where it shall be DynoSim's", () => {
    const timing = profileTiming(lineSurface(10, 0.1), { prefillByBatchTotal: true });
    expect(timing.prefillMs(2, 600, 0, timing.chunkWorkMs(0, 300))).toBeCloseTo(70, 12);
    expect(timing.extrapolations()).toBe(1);
  });

  it("measures KV usage against the engine's capacity and counts what lies beyond the measured range", () => {
    expect(profileTiming(lineSurface(0, 1)).decodeMs(2, 500, 250)).toBe(8.5);
    const small = profileTiming(lineSurface(0, 1), { capacityTokens: 250 });
    expect(small.decodeMs(2, 500, 250)).toBe(23.5);
    expect(small.extrapolations()).toBe(1);
  });
});
