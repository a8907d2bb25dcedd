import fc from "fast-check";
import { expect, it } from "vitest";
import { gpuHoursPer1000, pairCosts, paretoFront } from "#src/profiler";
import { mapping } from "../made-engines.ts";

it("[R126] counts GPU-hours of a thousand requests from throughput per GPU, each GPU once", () => {
  // 3,000,000 prompt tokens at 10,000 tokens/s/GPU take 300 GPU-seconds, 150,000 output tokens at 500 as many.
  expect(gpuHoursPer1000(3000, 150, 10_000, 500)).toEqual({ prefill: 1 / 12, decode: 1 / 12, total: 1 / 6 });
  const engine = { origin: "measured" as const, ttftMs: 50, itlMs: 5 };
  const [cost] = pairCosts(
    [{ ...engine, mapping: mapping("TP", 4), throughputPerGpu: 10_000 }],
    [{ ...engine, mapping: mapping("TP", 8), throughputPerGpu: 500, concurrency: 1, maxKvTokens: 1 }],
    { isl: 3000, osl: 150 },
  );
  expect(cost).toMatchObject({ gpuHours: 1 / 6, price: 0.5 });
});

it("keeps those rows that no other beats in both respects, by latency", () => {
  const rows = [
    [5, 10],
    [1, 3],
    [3, 2],
    [2, 7],
    [2, 6],
    [Number.NaN, 99],
    [9, 10],
  ] as const;
  expect(
    paretoFront(
      rows,
      ([latency]) => latency,
      ([, throughput]) => throughput,
    ),
  ).toEqual([
    [1, 3],
    [2, 7],
    [5, 10],
  ]);
});

it("has a row at least as good in both respects for every row it leaves out", () => {
  const row = fc.tuple(fc.integer({ min: 0, max: 9 }), fc.integer({ min: 0, max: 9 }));
  fc.assert(
    fc.property(fc.array(row), (rows) => {
      const front = paretoFront(
        rows,
        ([latency]) => latency,
        ([, throughput]) => throughput,
      );
      for (const [latency, throughput] of rows) {
        expect(front.some(([l, t]) => l <= latency && t >= throughput)).toBe(true);
      }
    }),
  );
});
