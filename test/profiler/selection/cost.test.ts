import { expect, it } from "vitest";
import { gpuHoursPer1000, pairCosts } from "#src/profiler";
import { mapping } from "../made-engines.ts";

it("[R126] counts GPU-hours of a thousand requests from throughput per GPU, each GPU once", () => {
  // 3,000,000 prompt tokens at 10,000 tokens/s/GPU take 300 GPU-seconds, 150,000 output tokens at 500 as many.
  expect(gpuHoursPer1000(3000, 150, 10_000, 500)).toEqual({ prefill: 1 / 12, decode: 1 / 12, total: 1 / 6 });
  const engine = { origin: "measured" as const, ttftMs: 50, itlMs: 5 };
  const [cost] = pairCosts(
    [{ ...engine, mapping: mapping("TP", 4), throughputPerGpu: 10_000 }],
    [{ ...engine, mapping: mapping("TP", 8), throughputPerGpu: 500, concurrency: 1, maxKvTokens: 1 }],
    { isl: 3000, osl: 150 },
    4.5,
  );
  expect(cost).toMatchObject({ gpuHours: 1 / 6, price: 0.75 });
});
