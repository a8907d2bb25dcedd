import { describe, expect, it } from "vitest";
import { buildWorkload, parseTraffic, summarizeWorkload } from "#scenarios";
import { burstiness } from "../../scenarios/traces/burstiness.ts";

const dispersions = (times: Float64Array) =>
  burstiness(times).windows.map(({ lengthMs, dispersion }) => [lengthMs, dispersion]);

describe("the dispersion of counts", () => {
  it("of Poisson arrivals is 1, wherever they end", () => {
    const traffic = parseTraffic("constant: { requestRate: 50, isl: 1, osl: 1, duration: 6000.5s }", "t");
    const { windows } = summarizeWorkload(buildWorkload(traffic, { seed: 2 })).burstiness;
    // 100 windows at least: a deviation of √(2/100) of a sample's.
    expect(windows.map(({ lengthMs }) => lengthMs)).toEqual([1000, 10_000, 60_000]);
    for (const { lengthMs, dispersion } of windows) {
      const deviation = Math.sqrt((2 * lengthMs) / 6_000_000);
      expect(Math.abs(dispersion - 1), String(lengthMs)).toBeLessThan(3 * deviation);
    }
  });

  it("of even arrivals is 0, wherever they end", () => {
    const even = Float64Array.from({ length: 20 * 600 + 10 }, (_, i) => 50 * i);
    expect(dispersions(even)).toEqual([
      [1000, 0],
      [10_000, 0],
      [60_000, 0],
    ]);
  });

  it("of times in buckets counts a window whose last bucket is there", () => {
    // 80 buckets of 3 s hold 5 requests each, the last one 50: the 20th window of 12 s is a whole one, the 21st is none.
    const bucketed = (buckets: number) =>
      Float64Array.from({ length: 5 * buckets + 45 }, (_, i) => 3000 * Math.min(buckets - 1, Math.floor(i / 5)));
    const inWindows = (buckets: number) => new Map(dispersions(bucketed(buckets)) as [number, number][]).get(12_000);
    // 19 windows of 20 and one of 65: mean 22.25, variance 96.1875.
    expect(inWindows(80)).toBeCloseTo(96.1875 / 22.25, 9);
    expect(inWindows(81)).toBe(0);
  });
});
