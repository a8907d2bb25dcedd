import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { buildSurface, loadProfile, type Surface } from "#profiles";
import { type ReplicaOptions, replicasFor } from "../../../src/profiler/picking/replicas.ts";

/** 3000 prompt tokens/s/GPU, and 500 output tokens/s/GPU at the target. */
const FLAT: Surface = {
  family: "robust",
  maxKvTokens: 1e6,
  ttftMs: () => 100,
  prefillThroughputPerGpu: () => 3000,
  itlMs: () => 10,
  decodeThroughputPerGpu: () => 500,
  bestThroughputPerGpu: () => ({ throughputPerGpu: 500, itlMs: 10, kvUsage: 0.5 }),
  extrapolates: () => false,
  extrapolatesPrefill: () => false,
};
// Prefill: 2 · 3000 ÷ 1000 = 6 req/s an engine; decode: 4 · 500 ÷ 200 = 10.
const OPTIONS: ReplicaOptions = { isl: 1000, osl: 200, itlMs: 20, gpusPerPrefillEngine: 2, gpusPerDecodeEngine: 4 };

describe("[R107] replicas for a load, and the load that replicas serve", () => {
  it("are the request rate by what one engine serves, rounded up", () => {
    expect(replicasFor(FLAT, { ...OPTIONS, requestRate: 25 })).toEqual({
      prefillReplicas: 5,
      decodeReplicas: 3,
      gpus: 22,
      requestsPerSecondPerPrefill: 6,
      requestsPerSecondPerDecode: 10,
      requestRateCapacity: 30,
      loadServedPercent: 100,
      overBudget: false,
    });
  });

  it("take no further engine for a rate that is served exactly", () => {
    expect(replicasFor(FLAT, { ...OPTIONS, requestRate: 30 })).toMatchObject({ prefillReplicas: 5, decodeReplicas: 3 });
  });

  it("serve as much as a budget can where the rate is more", () => {
    const plan = replicasFor(FLAT, { ...OPTIONS, requestRate: 25, gpuBudget: 16 });
    expect(plan).toMatchObject({ prefillReplicas: 4, decodeReplicas: 2, gpus: 16, requestRateCapacity: 20 });
    expect(plan.loadServedPercent).toBeCloseTo(80, 9);
  });

  it("fill a budget where no rate is given, and are one of each without either", () => {
    expect(replicasFor(FLAT, { ...OPTIONS, gpuBudget: 22 })).toMatchObject({ requestRateCapacity: 30, gpus: 22 });
    expect(replicasFor(FLAT, OPTIONS)).toMatchObject({ prefillReplicas: 1, decodeReplicas: 1, requestRateCapacity: 6 });
  });

  it("say so where one engine of each kind is more than the budget", () => {
    expect(replicasFor(FLAT, { ...OPTIONS, requestRate: 25, gpuBudget: 4 })).toMatchObject({
      prefillReplicas: 1,
      decodeReplicas: 1,
      overBudget: true,
    });
  });

  it("leave no better pair within the budget", () => {
    const count = fc.integer({ min: 1, max: 4 });
    const rate = fc.double({ min: 0.5, max: 60, noNaN: true });
    fc.assert(
      fc.property(count, count, rate, fc.integer({ min: 2, max: 40 }), (p, d, requestRate, gpuBudget) => {
        const options = { ...OPTIONS, gpusPerPrefillEngine: p, gpusPerDecodeEngine: d, requestRate, gpuBudget };
        const plan = replicasFor(FLAT, options);
        if (p + d > gpuBudget) {
          expect(plan.overBudget).toBe(true);
          return;
        }
        expect(plan.gpus).toBeLessThanOrEqual(gpuBudget);
        for (let np = 1; np * p + d <= gpuBudget; np++) {
          const nd = Math.floor((gpuBudget - np * p) / d);
          const served = Math.min(requestRate, (np * p * 3000) / 1000, (nd * d * 500) / 200);
          expect(Math.min(requestRate, plan.requestRateCapacity)).toBeGreaterThanOrEqual(served - 1e-9);
        }
      }),
    );
  });

  it("come from a profile's surfaces: tighter ITL takes more decode engines, longer prompts more prefill engines", () => {
    const surface = buildSurface(loadProfile("h200-llama-3.1-8b-fp8-tp1-estimate"), "robust");
    const base = { ...OPTIONS, gpusPerPrefillEngine: 1, gpusPerDecodeEngine: 1, requestRate: 40 };
    const loose = replicasFor(surface, { ...base, itlMs: 40 });
    const tight = replicasFor(surface, { ...base, itlMs: 6 });
    const long = replicasFor(surface, { ...base, isl: 6000, itlMs: 40 });
    expect(tight.decodeReplicas).toBeGreaterThan(loose.decodeReplicas);
    expect(tight.prefillReplicas).toBe(loose.prefillReplicas);
    expect(long.prefillReplicas).toBeGreaterThan(loose.prefillReplicas);
    expect(loose.requestRateCapacity).toBeGreaterThanOrEqual(40);
  });
});
