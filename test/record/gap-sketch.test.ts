import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { mean, standardDeviation } from "#common";
import { GapSketch } from "../../src/record/gap-sketch.ts";

const randomGap = fc.record({
  gapMs: fc.oneof(
    fc.constant(0),
    fc.constantFrom(7, 7.5, 12),
    fc.double({ min: 1e-6, max: 1e6, noNaN: true }),
    fc.double({ min: 1, max: 20, noNaN: true }),
  ),
  weight: fc.integer({ min: 1, max: 5 }),
});

describe("the sketch of gaps", () => {
  it("answers quantiles within 0.1 %, moments exactly, and counts by weight", () => {
    fc.assert(
      fc.property(
        fc.array(randomGap, { minLength: 1, maxLength: 200 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (gaps, q) => {
          const sketch = new GapSketch();
          for (const { gapMs, weight } of gaps) sketch.add(gapMs, weight);
          const all = gaps.flatMap(({ gapMs, weight }) => Array<number>(weight).fill(gapMs)).sort((a, b) => a - b);
          const found = sketch.statistics();
          const scale = all[all.length - 1]!;
          expect(found.count).toBe(all.length);
          expect([found.minMs, found.maxMs]).toEqual([all[0], scale]);
          expect(Math.abs(found.meanMs - mean(all))).toBeLessThanOrEqual(1e-12 * scale);
          // Taken about the first value: a few ulps of the largest square.
          expect(Math.abs(found.standardDeviationMs ** 2 - standardDeviation(all) ** 2)).toBeLessThanOrEqual(
            1e-12 * scale * scale,
          );
          for (const quantile of [q, 0, 0.5, 0.99, 1]) {
            const exact = all[Math.floor(quantile * (all.length - 1) + 0.5)]!;
            expect(Math.abs(found.quantileMs(quantile) - exact)).toBeLessThanOrEqual(0.001 * exact * (1 + 1e-9));
          }
        },
      ),
    );
  });

  it("gives equal gaps no deviation", () => {
    const sketch = new GapSketch();
    sketch.add(7.123456789, 1e6);
    sketch.add(7.123456789, 3);
    expect(sketch.statistics()).toMatchObject({ count: 1_000_003, meanMs: 7.123456789, standardDeviationMs: 0 });
  });

  it("is all zeros without gaps", () => {
    const { quantileMs, ...rest } = new GapSketch().statistics();
    expect(rest).toEqual({ count: 0, meanMs: 0, minMs: 0, maxMs: 0, standardDeviationMs: 0 });
    expect(quantileMs(0.5)).toBe(0);
  });
});

describe("merged sketches", () => {
  it("have the moments and quantiles of all values together", () => {
    const all = new GapSketch();
    const parts = [new GapSketch(), new GapSketch(), new GapSketch()];
    for (let i = 0; i < 300; i++) {
      const value = (i * 37) % 101;
      all.add(value, 1 + (i % 3));
      parts[i % 2]!.add(value, 1 + (i % 3));
    }
    const merged = new GapSketch();
    for (const part of parts) merged.merge(part.state());
    const [a, b] = [all.statistics(), merged.statistics()];
    expect([b.count, b.minMs, b.maxMs]).toEqual([a.count, a.minMs, a.maxMs]);
    expect(b.meanMs).toBeCloseTo(a.meanMs, 9);
    expect(b.standardDeviationMs).toBeCloseTo(a.standardDeviationMs, 9);
    for (const q of [0, 0.1, 0.5, 0.9, 0.99, 1]) expect(b.quantileMs(q)).toBe(a.quantileMs(q));
  });
});
