import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { overSeeds } from "#src/study";
import { twoSidedT } from "../../src/study/over-seeds.ts";

describe("a measure over seeds", () => {
  // Tables of Student's distribution, two-sided 95 %.
  it.each([
    [1, 12.706],
    [2, 4.303],
    [3, 3.182],
    [4, 2.776],
    [9, 2.262],
    [10, 2.228],
    [19, 2.093],
    [30, 2.042],
    [120, 1.98],
    [1000, 1.962],
  ])("t of %i degrees of freedom", (freedom, t) => {
    expect(twoSidedT(0.95, freedom)).toBeCloseTo(t, 3);
  });

  it("is described by its sample", () => {
    const { mean, standardDeviation, ci95, min, max, count } = overSeeds([2, 4, 4, 4, 5, 5, 7, 9]);
    expect({ mean, min, max, count }).toEqual({ mean: 5, min: 2, max: 9, count: 8 });
    expect(standardDeviation).toBeCloseTo(2.13809, 5);
    // t(7) = 2.36462; × 2.13809 ÷ √8
    expect(ci95).toBeCloseTo(1.78749, 4);
  });

  it("has no interval of one run", () => {
    expect(overSeeds([3])).toEqual({
      count: 1,
      mean: 3,
      standardDeviation: Number.NaN,
      ci95: Number.NaN,
      min: 3,
      max: 3,
    });
  });

  it("holds its mean between its extremes, and no spread where all are equal", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -1000, max: 1000 }), { minLength: 2, maxLength: 30 }), (values) => {
        const { mean, min, max, ci95 } = overSeeds(values);
        expect(mean).toBeGreaterThanOrEqual(min - 1e-9);
        expect(mean).toBeLessThanOrEqual(max + 1e-9);
        expect(ci95 > 0).toBe(new Set(values).size > 1);
      }),
    );
  });
});
