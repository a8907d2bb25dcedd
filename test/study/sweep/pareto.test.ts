import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { paretoFront } from "#src/study";

const GOALS = [
  { measure: "itl.mean", direction: "min" },
  { measure: "outputThroughputPerGpu", direction: "max" },
] as const;
const coordinate = fc.integer({ min: 0, max: 12 });
const anyPoint = fc.record({ "itl.mean": coordinate, outputThroughputPerGpu: coordinate });

describe("the Pareto front", () => {
  it("holds exactly those that nobody beats", () => {
    fc.assert(
      fc.property(fc.array(anyPoint, { maxLength: 40 }), (points) => {
        const front = new Set(paretoFront(points, GOALS));
        const beats = (a: (typeof points)[0], b: (typeof points)[0]) =>
          a["itl.mean"] <= b["itl.mean"] &&
          a.outputThroughputPerGpu >= b.outputThroughputPerGpu &&
          JSON.stringify(a) !== JSON.stringify(b);
        points.forEach((point, i) => {
          expect(front.has(i)).toBe(!points.some((other) => beats(other, point)));
        });
        // Whoever is not on it is beaten by someone who is.
        points.forEach((point, i) => {
          if (!front.has(i)) expect([...front].some((j) => beats(points[j]!, point))).toBe(true);
        });
      }),
      { seed: 1 },
    );
  });

  it("is found among as many as a sweep may have", () => {
    const points = Array.from({ length: 100_000 }, (_, i) => ({ "itl.mean": i, outputThroughputPerGpu: i }));
    expect(paretoFront(points, GOALS)).toEqual(points.map((_, i) => i));
  });

  it("leaves out what lacks a measure", () => {
    expect(paretoFront([{ "itl.mean": 1 }, { "itl.mean": 2, outputThroughputPerGpu: 1 }], GOALS)).toEqual([1]);
  });
});
