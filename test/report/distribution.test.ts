import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { describe as describeSample, percentileSorted } from "../../src/report/summary/distribution.ts";

const samples = fc.array(fc.double({ min: -1e6, max: 1e6, noNaN: true }), { minLength: 1, maxLength: 200 });

describe("percentiles", () => {
  it("interpolate linearly between the two neighbouring samples", () => {
    // numpy.percentile([1, 2, 4, 8], [0, 10, 50, 90, 99, 100])
    const expected = [1, 1.3, 3, 6.8, 7.88, 8];
    const found = [0, 0.1, 0.5, 0.9, 0.99, 1].map((q) => percentileSorted([1, 2, 4, 8], q, "linear"));
    found.forEach((value, i) => void expect(value).toBeCloseTo(expected[i]!, 12));
  });

  it("take the sample at the rank rounded half up where that rule is asked for", () => {
    const at = (q: number) => percentileSorted([1, 2, 4, 8], q, "roundedRank");
    expect([at(0), at(0.1), at(0.5), at(0.9), at(1)]).toEqual([1, 1, 4, 8, 8]);
  });

  it("never leave the sample's range, rise with q, and are samples under the rank rule", () => {
    fc.assert(
      fc.property(
        samples,
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (values, p, q) => {
          const ascending = Float64Array.from(values).sort();
          const [low, high] = [Math.min(p, q), Math.max(p, q)];
          for (const rule of ["linear", "roundedRank"] as const) {
            const [first, second] = [percentileSorted(ascending, low, rule), percentileSorted(ascending, high, rule)];
            expect(first).toBeGreaterThanOrEqual(ascending[0]!);
            expect(second).toBeLessThanOrEqual(ascending.at(-1)!);
            expect(second).toBeGreaterThanOrEqual(first - 1e-9 * Math.abs(first));
          }
          expect(ascending).toContain(percentileSorted(ascending, p, "roundedRank"));
        },
      ),
    );
  });
});

describe("a described sample", () => {
  it("does not depend on the order of its values", () => {
    fc.assert(
      fc.property(samples, (values) => {
        const forth = describeSample(Float64Array.from(values));
        const back = describeSample(Float64Array.from(values.toReversed()));
        expect(back).toEqual(forth);
      }),
    );
  });

  it("moves with a shift and scales with a factor, the spread only with the factor", () => {
    fc.assert(
      fc.property(
        samples,
        fc.integer({ min: -1000, max: 1000 }),
        fc.integer({ min: 1, max: 50 }),
        (values, shift, factor) => {
          const plain = describeSample(Float64Array.from(values));
          const moved = describeSample(Float64Array.from(values, (value) => value * factor + shift));
          expect(moved.mean).toBeCloseTo(plain.mean * factor + shift, 3);
          expect(moved.p90).toBeCloseTo(plain.p90 * factor + shift, 3);
          expect(moved.standardDeviation).toBeCloseTo(plain.standardDeviation * factor, 3);
        },
      ),
    );
  });

  it("has no numbers without values", () => {
    const { count, ...rest } = describeSample(new Float64Array(0));
    expect(count).toBe(0);
    for (const value of Object.values(rest)) expect(value).toBeNaN();
  });
});
