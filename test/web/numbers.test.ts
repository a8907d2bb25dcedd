import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bestWithin, paretoFront } from "../../src/web/pareto.ts";
import { floatText, roundDecimals } from "../../src/web/rounding.ts";

describe("rounding", () => {
  it.each([
    [2.675, 2, 2.67],
    [0.125, 2, 0.12],
    [0.375, 2, 0.38],
    [48.365, 2, 48.37],
    [1.005, 2, 1.0],
    [0.03125, 4, 0.0312],
    [0.09375, 4, 0.0938],
    [-0.125, 2, -0.12],
    [1e21, 2, 1e21],
  ])("rounds %f to %i decimals as Python does: %f", (value, digits, expected) => {
    expect(roundDecimals(value, digits)).toBe(expected);
  });

  it.each([
    [200, "200.0"],
    [12.5, "12.5"],
    [0.1, "0.1"],
  ])("prints %f as %s", (value, text) => {
    expect(floatText(value)).toBe(text);
  });
});

const point = fc.record({
  latencyMs: fc.oneof(fc.integer({ min: 1, max: 12 }), fc.constant(Number.NaN)),
  throughputPerGpu: fc.oneof(fc.integer({ min: 1, max: 12 }), fc.constant(Number.POSITIVE_INFINITY)),
});
const isFinitePoint = ({ latencyMs, throughputPerGpu }: { latencyMs: number; throughputPerGpu: number }) =>
  Number.isFinite(latencyMs) && Number.isFinite(throughputPerGpu);

describe("the Pareto front", () => {
  it("[R147] holds exactly one of each trade-off that nothing betters, fastest first", () => {
    fc.assert(
      fc.property(fc.array(point, { maxLength: 30 }), (points) => {
        const front = paretoFront(points).map((index) => points[index]!);
        const betters = (a: (typeof points)[0], b: (typeof points)[0]) =>
          a.latencyMs <= b.latencyMs &&
          a.throughputPerGpu >= b.throughputPerGpu &&
          (a.latencyMs < b.latencyMs || a.throughputPerGpu > b.throughputPerGpu);
        const finite = points.filter(isFinitePoint);
        const optimal = finite.filter((one) => !finite.some((other) => betters(other, one)));
        const names = (some: typeof points) => [...new Set(some.map((p) => `${p.latencyMs}/${p.throughputPerGpu}`))];
        expect(names(front).toSorted()).toEqual(names(optimal).toSorted());
        expect(names(front).length).toBe(front.length);
        for (let i = 1; i < front.length; i++) expect(front[i]!.latencyMs).toBeGreaterThan(front[i - 1]!.latencyMs);
      }),
    );
  });
});

describe("the best of a table", () => {
  const points = [
    { latencyMs: 30, throughputPerGpu: 900 },
    { latencyMs: 18, throughputPerGpu: 500 },
    { latencyMs: 9, throughputPerGpu: 400 },
  ];
  it("is the one with the most throughput within the limit", () => {
    expect(bestWithin(points, 20)).toBe(1);
    expect(bestWithin(points, 100)).toBe(0);
  });
  it("is the fastest where none is within it", () => {
    expect(bestWithin(points, 5)).toBe(2);
    expect(bestWithin([], 5)).toBe(-1);
  });
});
