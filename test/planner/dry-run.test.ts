import { describe, expect, it } from "vitest";
import { bucketTrace, type DryRunConfig, dryRun } from "#planner/core";
import { LoadPredictor } from "#planner/predictors";
import { buildSurface } from "#profiles";
import { testProfile } from "./observations.ts";

const surface = buildSurface(testProfile, "compat");
const config: DryRunConfig = {
  intervalS: 60,
  itlMs: 10,
  ttftMs: 200,
  minEndpoint: 1,
  maxGpus: 16,
  gpusPerWorker: { prefill: 1, decode: 1 },
  start: { prefill: 2, decode: 3 },
};
const bucket = (startS: number, requests: number) => ({ startS, requests, isl: 3000, osl: 300 });

const lastValue = () => new LoadPredictor({ type: "constant" }, 60);

describe("dry run", () => {
  it("starts with the given workers and forecasts each interval from those before it", () => {
    const steps = dryRun([bucket(0, 600), bucket(60, 2400), bucket(120, 1200)], config, surface, lastValue());
    expect(steps[0]).toMatchObject({ prefill: 2, decode: 3, forecastRequests: 600 });
    expect(steps.map(({ forecastRequests }) => forecastRequests)).toEqual([600, 600, 2400]);
    expect(steps[2]!.prefill).toBeGreaterThan(steps[1]!.prefill);
    expect(steps[2]!.prefillTokens).toBe(1200 * 3000);
  });

  it("shows safe throughput as 0 where the profile cannot keep the SLA", () => {
    const [step] = dryRun([bucket(0, 60)], { ...config, ttftMs: 50, itlMs: 2 }, surface, lastValue());
    expect(step).toMatchObject({ safePrefillTokens: 0, safeDecodeTokens: 0 });
    const [fine] = dryRun([bucket(0, 60)], config, surface, lastValue());
    expect(fine!.safePrefillTokens).toBeCloseTo(2 * surface.prefillThroughputPerGpu(3000) * 60, 6);
  });
});

describe("trace buckets", () => {
  it("sums requests up by interval, leaves empty ones out and puts late rows in order", () => {
    const buckets = bucketTrace(
      [
        { timestampMs: 125_000, isl: 10, osl: 1 },
        { timestampMs: 0, isl: 100, osl: 4 },
        { timestampMs: 59_999, isl: 300, osl: 8 },
      ],
      60,
    );
    expect(buckets).toEqual([
      { startS: 0, requests: 2, isl: 200, osl: 6 },
      { startS: 120, requests: 1, isl: 10, osl: 1 },
    ]);
  });
});
