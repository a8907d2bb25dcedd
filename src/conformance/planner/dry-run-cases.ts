import { type DryRunStep, dryRun } from "#planner/core";
import { LoadPredictor, type PredictorTools, predictorConfigSchema } from "#planner/predictors";
import type { Surface } from "#profiles";
import type { RecordedDryRun } from "./case-schemas.ts";
import { Comparison } from "./comparison.ts";
import { sizing } from "./decision-cases.ts";
import { compareForecastErrors } from "./predictor-cases.ts";

const SERIES_RELATIVE = 1e-9;

type Recorded = keyof RecordedDryRun["out"];
type How = "exact" | "near";

const TRAFFIC: [Recorded, keyof DryRunStep, How][] = [
  ["time", "startS", "exact"],
  ["rr", "requests", "exact"],
  ["isl", "isl", "near"],
  ["osl", "osl", "near"],
  ["p_thpt", "prefillTokens", "near"],
  ["d_thpt", "decodeTokens", "near"],
];
const FORECASTS: [Recorded, keyof DryRunStep, Recorded][] = [
  ["est_rr", "forecastRequests", "rr"],
  ["est_isl", "forecastIsl", "isl"],
  ["est_osl", "forecastOsl", "osl"],
];
const DECISIONS: [Recorded, keyof DryRunStep, How][] = [
  ["num_p", "prefill", "exact"],
  ["num_d", "decode", "exact"],
  ["safe_p_thpt", "safePrefillTokens", "near"],
  ["safe_d_thpt", "safeDecodeTokens", "near"],
];

/**
 * A dry run. With the constant predictor all thirteen series are compared; forecasts of ARIMA and Prophet (and what follows
 * from them) cannot be reproduced value by value, so there the traffic's series are, and forecasts by their mean absolute error.
 */
export function compareDryRun(surface: Surface, run: RecordedDryRun, tools: PredictorTools): Comparison {
  const comparison = new Comparison();
  const { config, metrics, out } = run;
  const options = sizing(config);
  const steps = dryRun(
    metrics.map(({ interval_start, request_count, avg_isl, avg_osl }) => ({
      startS: interval_start,
      requests: request_count,
      isl: avg_isl,
      osl: avg_osl,
    })),
    {
      ...options,
      ttftMs: config.ttft,
      start: { prefill: config.start_num_p, decode: config.start_num_d },
    },
    surface,
    new LoadPredictor(predictorConfigSchema.parse(run.predictor), options.intervalS, tools),
  );
  comparison.same("intervals", steps.length, out.time.length);
  const exactly = run.predictor === "constant";
  const forecasts = FORECASTS.map(([recorded, ours]): [Recorded, keyof DryRunStep, How] => [recorded, ours, "near"]);
  for (const [recorded, ours, how] of exactly ? [...TRAFFIC, ...forecasts, ...DECISIONS] : TRAFFIC) {
    steps.forEach((step, i) => {
      const expected = out[recorded][i];
      if (how === "exact") comparison.same(`${recorded}[${i}]`, step[ours], expected);
      else comparison.near(`${recorded}[${i}]`, step[ours], expected ?? Number.NaN, SERIES_RELATIVE);
    });
  }
  if (!exactly) compareForecasts(comparison, out, steps);
  return comparison;
}

function compareForecasts(comparison: Comparison, out: RecordedDryRun["out"], steps: readonly DryRunStep[]): void {
  for (const [recorded, ours, actual] of FORECASTS) {
    const made = steps.map((step) => step[ours]);
    const { found, limit } = compareForecastErrors(out[actual], out[recorded], made);
    comparison.checks++;
    if (found <= limit) continue;
    const allowed = `at most ${limit.toPrecision(5)} is allowed`;
    comparison.note(`${recorded}: mean absolute error ${found.toPrecision(5)}, ${allowed}`);
  }
}
