import type { DryRunStep } from "#planner/core";
import type { ComparedPredictor, DryRunInput, PredictorComparison } from "#src/report";

function step(startS: number, requests: number, forecastRequests: number, workers: number): DryRunStep {
  return {
    startS,
    requests,
    forecastRequests,
    isl: 1000,
    forecastIsl: 900,
    osl: 100,
    forecastOsl: 110,
    prefill: workers,
    decode: 1,
    prefillTokens: requests * 1000,
    decodeTokens: requests * 100,
    safePrefillTokens: workers * 100_000,
    safeDecodeTokens: 50_000,
  };
}

/** A dry run of three intervals, one of them missing; its name has to be escaped. */
export const dryRunInput: DryRunInput = {
  name: 'a <trace> & "more".jsonl',
  predictor: "arima",
  profile: "measured",
  intervalS: 60,
  sla: { ttftMs: 200, itlMs: 10 },
  maxGpus: 8,
  gpusPerWorker: { prefill: 2, decode: 1 },
  steps: [step(0, 100, 100, 1), step(60, 300, 150, 1), step(180, 400, 500, 2)],
};

/** A predictor with the given results. */
export function compared(name: string, attainment: number, goodputPerGpu: number): ComparedPredictor {
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
/** Two predictors over three intervals, one of them idle. */
export const comparison: PredictorComparison = {
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
