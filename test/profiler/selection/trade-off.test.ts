import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bestWithin, paretoFront } from "#src/profiler";

interface Point {
  latencyMs: number;
  throughputPerGpu: number;
}

const latencyOf = ({ latencyMs }: Point) => latencyMs;
const front = (points: readonly Point[]) => paretoFront(points, latencyOf, ({ throughputPerGpu }) => throughputPerGpu);
const figure = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: 1, max: 12 }) },
  fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, 0, -3),
);
const points = fc.array(fc.record({ latencyMs: figure, throughputPerGpu: figure }), { maxLength: 30 });
const isFigure = (value: number) => Number.isFinite(value) && value > 0;
const usable = (all: readonly Point[]) =>
  all.filter(({ latencyMs, throughputPerGpu }) => isFigure(latencyMs) && isFigure(throughputPerGpu));

describe("the Pareto front", () => {
  it("[R147] holds exactly one of each trade-off that nothing betters, fastest first", () => {
    fc.assert(
      fc.property(points, (all) => {
        const found = front(all);
        const betters = (a: Point, b: Point) =>
          a.latencyMs <= b.latencyMs &&
          a.throughputPerGpu >= b.throughputPerGpu &&
          (a.latencyMs < b.latencyMs || a.throughputPerGpu > b.throughputPerGpu);
        const optimal = usable(all).filter((one) => !usable(all).some((other) => betters(other, one)));
        const names = (some: readonly Point[]) => [
          ...new Set(some.map((point) => `${point.latencyMs}/${point.throughputPerGpu}`)),
        ];
        expect(names(found).toSorted()).toEqual(names(optimal).toSorted());
        expect(names(found)).toHaveLength(found.length);
        for (let i = 1; i < found.length; i++) expect(found[i]!.latencyMs).toBeGreaterThan(found[i - 1]!.latencyMs);
      }),
    );
  });

  it("takes the first of equals", () => {
    const [one, other] = [
      { latencyMs: 5, throughputPerGpu: 5 },
      { latencyMs: 5, throughputPerGpu: 5 },
    ];
    expect(front([one!, other!])[0]).toBe(one);
  });
});

describe("the best within a target", () => {
  it("[R084] [R085] [R086] has the most throughput of those that keep it, or the least latency where none does", () => {
    fc.assert(
      fc.property(points, fc.integer({ min: 0, max: 13 }), (all, target) => {
        const found = bestWithin(all, latencyOf, target);
        const rows = usable(all);
        const keeping = rows.filter(({ latencyMs }) => latencyMs <= target);
        if (rows.length === 0) expect(found).toBeUndefined();
        else if (keeping.length > 0) {
          expect(found!.meets).toBe(true);
          expect(found!.row).toBe(
            keeping.find(({ throughputPerGpu }) =>
              keeping.every((other) => other.throughputPerGpu <= throughputPerGpu),
            ),
          );
        } else {
          expect(found!.meets).toBe(false);
          expect(found!.row.latencyMs).toBe(Math.min(...rows.map(latencyOf)));
        }
      }),
    );
  });
});
