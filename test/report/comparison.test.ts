import { describe, expect, it } from "vitest";
import {
  bestPredictor,
  type ComparedPredictor,
  comparisonPage,
  comparisonPicture,
  comparisonRows,
  type PredictorComparison,
} from "#src/report";
import { expectWellFormed, visibleText } from "./markup.ts";

function compared(name: string, attainment: number, goodputPerGpu: number): ComparedPredictor {
  const none = { logLoss: 0, attainment: 0, gpuHours: 0, goodputPerGpu: 0 };
  return {
    name,
    forecast: {
      intervals: 2,
      maeRequestsPerS: 1.5,
      maeIslTokens: 10,
      maeOslTokens: 1,
      requestsError: 0.123,
      logLoss: 0.25,
      msPerInterval: name === "perfect forecast" ? null : 0.004,
    },
    sized: { intervals: 3, enough: 2, short: { prefill: 1, decode: 0 }, gpuHours: 1 },
    played: {
      attainment,
      ttftShare: attainment,
      itlShare: 1,
      good: 100,
      gpuHours: 1.25,
      averageGpus: 2.5,
      goodputPerGpu,
      scaleEvents: 2,
      gpus: { atMs: [0, 60_000, 180_000], count: [2, 3, 3] },
    },
    regret: { perfect: { ...none, goodputPerGpu: 0.2 }, lastValue: { ...none, logLoss: -0.1, goodputPerGpu: -0.104 } },
    forecasts: [null, { requests: 90, isl: 100, osl: 10 }, { requests: 110, isl: 100, osl: 10 }],
    cumulatedRegret: [0, -0.1, -0.3],
  };
}

const constant: ComparedPredictor = (() => {
  const made = compared("constant", 0.8, 1);
  return { ...made, regret: { ...made.regret, lastValue: { ...made.regret.lastValue, logLoss: 0 } } };
})();
const comparison: PredictorComparison = {
  name: "a <trace>.jsonl",
  profile: "measured",
  strategy: "sla-compat",
  intervalS: 60,
  sla: { ttftMs: 200, itlMs: 10 },
  maxGpus: 8,
  gpusPerWorker: { prefill: 1, decode: 1 },
  seed: 1,
  requests: 300,
  endMs: 181_000,
  loads: [
    { requests: 100, isl: 100, osl: 10 },
    { requests: 0, isl: Number.NaN, osl: Number.NaN },
    { requests: 200, isl: 100, osl: 10 },
  ],
  predictors: [constant, compared("arima", 0.9, 1.2)],
  perfect: compared("perfect forecast", 0.99, 1.5),
  lastValue: constant,
};

describe("comparison of predictors", () => {
  it("has a row for each predictor and the perfect forecast, the last value once", () => {
    expect(comparisonRows(comparison).map(({ cells }) => cells)).toEqual([
      ["constant", "1.50", "12.3 %", "0.250", "2 of 3", "80.00 %", "1.25", "1.00", "+20.0 %", "−10.4 %", "< 0.01"],
      ["arima", "1.50", "12.3 %", "0.250", "2 of 3", "90.00 %", "1.25", "1.20", "+20.0 %", "−10.4 %", "< 0.01"],
      ["perfect forecast", "1.50", "12.3 %", "0.250", "2 of 3", "99.00 %", "1.25", "1.50", "+20.0 %", "−10.4 %", "–"],
    ]);
    const apart = {
      ...comparison,
      predictors: [compared("arima", 0.9, 1.2)],
      lastValue: compared("last value", 0.8, 1),
    };
    expect(comparisonRows(apart).map(({ predictor }) => predictor.name)).toEqual([
      "arima",
      "last value",
      "perfect forecast",
    ]);
  });

  it("calls best who has most good requests per GPU-second", () => {
    expect(bestPredictor(comparison).name).toBe("arima");
  });

  it("draws four panels of 800 px, without what depends on the machine's speed", () => {
    const svg = comparisonPicture(comparison);
    expectWellFormed(svg);
    expect(svg).toMatch(/^<svg [^>]*width="800"/);
    const slower = structuredClone(comparison);
    for (const { forecast } of slower.predictors) forecast.msPerInterval = 7;
    expect(comparisonPicture(slower)).toBe(svg);
    for (const text of ["arima got most out of a GPU", "1 of 1 foretold", "budget", "last value"])
      expect(svg).toContain(text);
  });

  it("is a page, every text in it escaped, every id once", () => {
    const page = comparisonPage(comparison);
    expectWellFormed(page);
    expect(visibleText(page)).toContain("a &lt;trace&gt;.jsonl");
    const ids = [...page.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id);
    expect(new Set(ids).size).toBe(ids.length);
  });
});
