import { describe, expect, it } from "vitest";
import { createPlanner, type Planner, plannerConfigSchema, slaReplicas } from "#planner/core";
import { buildSurface, loadProfile, type Surface } from "#profiles";
import { describeWithReference, referencePath } from "../reference.ts";
import { active, disagg, observation, testProfile } from "./observations.ts";

const surface = buildSurface(testProfile, "compat");

function planner(extra: Record<string, unknown> = {}, on: Surface = surface, sla = disagg.sla): Planner {
  const config = plannerConfigSchema.parse({ strategy: "sla-compat", interval: "5s", predictor: "constant", ...extra });
  return createPlanner(config, { ...disagg, sla }, on);
}

describe("sla-compat strategy", () => {
  it("divides demand by profiled throughput", () => {
    const decision = planner({ correction: false }).tick(observation(5000, 30));
    const { prefillTokensPerS, prefillThroughputPerGpu, decodeTokensPerS, decodeThroughputPerGpu } = decision.values;
    expect(prefillTokensPerS).toBe(90_000);
    expect(decodeTokensPerS).toBe(9000);
    expect(decision.targets).toEqual({
      prefill: Math.ceil(90_000 / prefillThroughputPerGpu!),
      decode: Math.ceil(9000 / decodeThroughputPerGpu!),
    });
  });

  it("says what one worker serves: sizes are the demand divided by it, with and without correction", () => {
    for (const correction of [false, true]) {
      const { targets, forecast, values } = planner({ correction }).tick(observation(5000, 30, { meanTtftMs: 40 }));
      const { prefillWorkerPerS, decodeWorkerPerS } = values;
      expect(targets).toEqual({
        prefill: Math.ceil(forecast!.requestRate / prefillWorkerPerS!),
        decode: Math.ceil(forecast!.requestRate / decodeWorkerPerS!),
      });
    }
    const unknown = planner().tick(observation(5000, 30, { meanOsl: 0 })).values;
    expect(unknown.decodeWorkerPerS).toBeUndefined();
  });

  it("corrects prefill by observed TTFT, but never adds workers for it", () => {
    const fast = planner().tick(observation(5000, 30, { meanTtftMs: 40 }));
    const slow = planner().tick(observation(5000, 30, { meanTtftMs: 4000 }));
    expect(fast.values.prefillCorrection).toBeCloseTo(0.5, 6);
    expect(fast.targets!.prefill).toBeLessThan(slow.targets!.prefill);
    expect(slow.targets!.prefill).toBe(planner({ correction: false }).tick(observation(5000, 30)).targets!.prefill);
  });

  it("tightens the ITL target by the decode correction", () => {
    const decision = planner().tick(observation(5000, 30, { meanItlMs: 16 }));
    expect(decision.values.decodeCorrection!).toBeGreaterThan(1);
    expect(decision.values.correctedItlMs!).toBeCloseTo(10 / decision.values.decodeCorrection!, 9);
  });

  it("has learnt the traffic from before, and still leaves out the idle time before the first live request", () => {
    const config = plannerConfigSchema.parse({ strategy: "sla-compat", interval: "5s", correction: false });
    const asked: number[] = [];
    const history = (intervalS: number) => {
      asked.push(intervalS);
      return Array.from({ length: 40 }, (_, k) => ({ requests: 100 + 10 * k, isl: 3000, osl: 300 }));
    };
    const warm = createPlanner(config, { ...disagg, history }, surface);
    warm.tick(observation(5000, 0, { startedRequests: 0, completedRequests: 0, meanIsl: null, meanOsl: null }));
    const decision = warm.tick(observation(10_000, 100));
    expect(asked).toEqual([5]);
    // The ramp goes on with the live value: idle time would have broken it.
    expect(decision.forecast!.requestRate).toBeCloseTo(102, 1);
  });

  it("sizes from a forecast that somebody else makes, field by field", () => {
    const own = planner({ correction: false }).tick(observation(5000, 30));
    const forecast = { requestRate: 60, isl: null, osl: null };
    const given = planner({ correction: false }).tick(observation(5000, 30, { forecast }));
    expect(given.forecast).toEqual({ ...own.forecast, requestRate: 60 });
    expect(given.values.prefillTokensPerS).toBe(180_000);
  });

  it("skips intervals without traffic or data, keeping what it had", () => {
    const plan = planner();
    plan.tick(observation(5000, 30));
    const idle = plan.tick(observation(10_000, 0));
    expect(idle.targets).toBeNull();
    expect(idle.reasons[0]!.code).toBe("no-traffic");
    const blind = plan.tick(observation(15_000, 0, { completedRequests: null }));
    expect(blind.reasons[0]!.code).toBe("no-data");
    const noWorkers = plan.tick(observation(20_000, 30, { workers: { prefill: active(1), decode: active(0) } }));
    expect(noWorkers.targets).toBeNull();
    expect(noWorkers.reasons[0]!.code).toBe("correction-failed");
  });

  it("counts completed requests as the reference does, or started ones where it is told to", () => {
    const backlog = observation(5000, 10, { startedRequests: 500 });
    expect(planner().tick(backlog).values.requests).toBe(50);
    expect(planner({ requestCount: "started" }).tick(backlog).values.requests).toBe(500);
  });

  it("refuses aggregated deployments", () => {
    const config = plannerConfigSchema.parse({ strategy: "sla-compat" });
    expect(() => createPlanner(config, { ...disagg, mode: "agg" }, surface)).toThrowError(
      expect.objectContaining({ code: "PLANNER_MODE_UNSUPPORTED" }),
    );
  });

  it("may exceed the budget by its minimum, as the reference does", () => {
    const sized = slaReplicas(
      surface,
      { requests: 0, isl: 3000, osl: 300 },
      { prefill: 1, decode: 1 },
      {
        intervalS: 60,
        itlMs: 10,
        minEndpoint: 3,
        maxGpus: 4,
        gpusPerWorker: { prefill: 1, decode: 2 },
      },
    );
    expect(sized!.targets).toEqual({ prefill: 3, decode: 3 });
  });
});

describeWithReference("sla-compat on the reference profile", () => {
  const h200 = () =>
    buildSurface(loadProfile(referencePath("planner", "profiles", "h200_llama31_8b_fp8_tp1.json")), "compat");

  it("keeps 1P1D at 8 requests/s and goes to 2P1D at 18 (4000/150 tokens, the scaling end-to-end test)", () => {
    const plan = planner({ interval: "60s", correction: false }, h200(), { ttftMs: 100, itlMs: 10 });
    const targets = [8, 12, 13, 18].map((rate, i) => {
      const requests = rate * 60;
      const shape = { startedRequests: requests, completedRequests: requests, meanIsl: 4000, meanOsl: 150 };
      return plan.tick(observation((i + 1) * 60_000, rate, { windowMs: 60_000, ...shape })).targets;
    });
    expect(targets).toEqual([
      { prefill: 1, decode: 1 },
      { prefill: 1, decode: 1 },
      { prefill: 2, decode: 1 },
      { prefill: 2, decode: 1 },
    ]);
  });

  it("sees 16.49 and 15.19 requests/s per GPU at 3000/300 tokens, 200/10 ms (the reference's README)", () => {
    const on = h200();
    expect(on.prefillThroughputPerGpu(3000) / 3000).toBeCloseTo(16.49, 2);
    expect(on.bestThroughputPerGpu(10, 3150).throughputPerGpu / 300).toBeCloseTo(15.19, 2);
  });
});
