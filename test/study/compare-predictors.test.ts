import { describe, expect, it } from "vitest";
import { createPlanner, type Decision, type Planner, plannerConfigSchema } from "#planner/core";
import type { LoadValues, PredictorConfig } from "#planner/predictors";
import { buildSurface } from "#profiles";
import type { RunRecord } from "#src/record";
import { comparePredictors } from "#src/study";
import { disagg, observation, testProfile } from "../planner/observations.ts";
import { syntheticRun } from "../report/synthetic-run.ts";

const INTERVAL_S = 60;
const idle: LoadValues = { requests: 0, isl: Number.NaN, osl: Number.NaN };
const busy = (requests: number): LoadValues => ({ requests, isl: 3000, osl: 300 });
const loads = [busy(600), busy(1200), busy(1800), idle, busy(600), busy(900)];
const surface = buildSurface(testProfile, "compat");

/** Ticks the planner once an interval with what came in it; the record is the same whatever it decides. */
function compare(names: PredictorConfig["type"][], record = syntheticRun({ requests: 500 })) {
  const decisions = new Map<string, Decision[]>();
  const compared = comparePredictors({
    candidates: names.map((type) => ({ name: type, config: plannerOptions(type) })),
    loads,
    judged: loads.length - 1,
    history: [],
    tools: {},
    sizing: {
      intervalS: INTERVAL_S,
      itlMs: 10,
      ttftMs: 200,
      minEndpoint: 1,
      maxGpus: 16,
      gpusPerWorker: { prefill: 1, decode: 1 },
      start: { prefill: 1, decode: 1 },
    },
    surface,
    newPlanner: (predictor): Planner =>
      createPlanner(
        plannerConfigSchema.parse({
          strategy: "sla-compat",
          interval: "60s",
          correction: false,
          requestCount: "started",
          predictor,
        }),
        disagg,
        surface,
      ),
    play: (planner, name): RunRecord => {
      decisions.set(
        name,
        loads.map((load, i) =>
          planner.tick(
            observation((i + 1) * INTERVAL_S * 1000, load.requests / INTERVAL_S, {
              windowMs: INTERVAL_S * 1000,
              startedRequests: load.requests,
            }),
          ),
        ),
      );
      return record;
    },
    nowMs: () => 0,
  });
  return { compared, decisions };
}

function plannerOptions(type: PredictorConfig["type"]): PredictorConfig {
  const parsed = plannerConfigSchema.parse({ strategy: "sla-compat", predictor: type });
  return "predictor" in parsed ? parsed.predictor : { type: "constant" };
}

describe("comparison of predictors", () => {
  it("scores forecasts against the interval they were made for, from the second on, without the cut-off last one", () => {
    const { compared } = compare(["constant", "linear"]);
    const constant = compared.predictors[0]!;
    expect(constant.forecasts.map((forecast) => forecast?.requests ?? null)).toEqual([null, 600, 1200, 1800, 0, 600]);
    const misses = [600, 600, 1800, 600];
    const sum = misses.reduce((total, miss) => total + miss, 0);
    expect(constant.forecast).toMatchObject({ intervals: 4, maeIslTokens: 0, maeOslTokens: 0 });
    expect(constant.forecast.maeRequestsPerS).toBeCloseTo(sum / 4 / 60, 12);
    expect(constant.forecast.requestsError).toBeCloseTo(sum / (1200 + 1800 + 0 + 600), 12);
  });

  it("regrets nothing beside itself, and a perfect forecast misses nothing", () => {
    const { compared } = compare(["constant", "linear"]);
    expect(compared.lastValue).toBe(compared.predictors[0]);
    expect(compared.lastValue.cumulatedRegret).toEqual(loads.map(() => 0));
    expect(compared.perfect.forecast).toMatchObject({ logLoss: 0, requestsError: 0, msPerInterval: null });
    expect(compared.perfect.regret.perfect).toMatchObject({ logLoss: 0, goodputPerGpu: 0 });
    expect(compared.predictors[1]!.cumulatedRegret[4]).toBeCloseTo(
      4 * (compared.predictors[1]!.forecast.logLoss - compared.lastValue.forecast.logLoss),
      9,
    );
  });

  it("plays a last value of its own where none is among the predictors", () => {
    const { compared, decisions } = compare(["linear"]);
    expect(compared.lastValue.name).toBe("last value");
    expect([...decisions.keys()]).toEqual(["perfect forecast", "linear", "last value"]);
  });

  it("tells the planner in the perfect run what comes next, with the lengths of before where nothing comes", () => {
    const { decisions } = compare(["constant"]);
    const told = decisions.get("perfect forecast")!.map(({ forecast }) => forecast);
    expect(told).toEqual([
      { requestRate: 20, isl: 3000, osl: 300 },
      { requestRate: 30, isl: 3000, osl: 300 },
      { requestRate: 0, isl: 3000, osl: 300 },
      // In an interval without requests this strategy asks nobody for a forecast.
      null,
      { requestRate: 15, isl: 3000, osl: 300 },
      { requestRate: 0, isl: 3000, osl: 300 },
    ]);
    expect(decisions.get("constant")![0]!.forecast).toEqual({ requestRate: 10, isl: 3000, osl: 300 });
  });

  it("counts the intervals that the forecast's workers could do", () => {
    const { compared } = compare(["constant"]);
    expect(compared.perfect.sized).toMatchObject({ intervals: 6, enough: 6, short: { prefill: 0, decode: 0 } });
    expect(compared.predictors[0]!.sized.enough).toBeLessThan(6);
  });
});
