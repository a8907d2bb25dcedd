import { describe, expect, it } from "vitest";
import { mean, quantileSorted } from "#common";
import { buildWorkload, parseTraffic } from "#scenarios";
import { distributionMean } from "../../scenarios/distributions.ts";
import { byQuantiles, type LengthsName, namedLengths, PUBLISHED_LENGTHS } from "../../scenarios/presets.ts";

const names = Object.keys(PUBLISHED_LENGTHS) as LengthsName[];

describe.each(names)("lengths: %s", (name) => {
  const [entry] = parseTraffic(`constant: { requestRate: 100, lengths: ${name}, duration: 20m }`, "t");
  const workload = buildWorkload([entry!], { seed: 2 });

  it.each(["isl", "osl"] as const)("has the published mean and quantiles of %s", (key) => {
    const published = PUBLISHED_LENGTHS[name][key];
    expect(distributionMean(namedLengths(name)[key])).toBeCloseTo(published.mean, 6);
    const drawn = workload[key].toSorted();
    expect(Math.abs(mean(drawn) / published.mean - 1)).toBeLessThan(0.02);
    for (const [percent, value] of Object.entries(published)) {
      if (percent === "mean") continue;
      expect(Math.abs(quantileSorted(drawn, Number(percent.slice(1)) / 100) / value - 1), percent).toBeLessThan(0.03);
    }
  });
});

it("a mean that even one token at the low end exceeds shortens the high end", () => {
  const made = byQuantiles({ mean: 306, p50: 74, p80: 348, p95: 1484, p99: 3388 });
  if (made.kind !== "quantiles") throw new Error(made.kind);
  expect(made.points[0]!.value).toBe(1);
  expect(made.points.at(-1)!.value).toBeLessThan(3388 ** 2 / 1484);
});

it("arrivals: burstgpt are gamma gaps of shape 0.5", () => {
  const [entry] = parseTraffic(
    "constant: { requestRate: 50, arrivals: burstgpt, lengths: burstgpt, duration: 20m }",
    "t",
  );
  const { arrivalMs } = buildWorkload([entry!], { seed: 3 });
  const gaps = arrivalMs.slice(1).map((atMs, i) => atMs - arrivalMs[i]!);
  const m = mean(gaps);
  const shape = m ** 2 / mean(gaps.map((gap) => (gap - m) ** 2));
  expect(shape).toBeGreaterThan(0.47);
  expect(shape).toBeLessThan(0.53);
});
