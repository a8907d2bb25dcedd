import {
  arimaPredictor,
  constantPredictor,
  type KalmanOptions,
  kalmanPredictor,
  type Predictor,
} from "#planner/predictors";
import { Comparison } from "./comparison.ts";

/** Forecasts are scored from the one made after this many values (the first ones rest on too little). */
const FIRST_SCORED = 9;
const MAE_RATIO = 1.1;
/** Errors below this share of the series' mean count as none. */
const MAE_FLOOR = 1e-3;
const KALMAN_RELATIVE = 1e-9;

/** The predictor that a recorded name stands for, or null where this project has none. */
export function predictorByName(name: string): { make: () => Predictor; compare: "values" | "error" } | null {
  if (name === "constant") return { make: constantPredictor, compare: "values" };
  if (name.startsWith("arima")) {
    const window = Number(/_w(\d+)/.exec(name)?.[1] ?? 50);
    const log1p = name.includes("log1p");
    return { make: () => arimaPredictor({ window, log1p }), compare: "error" };
  }
  const kalman = kalmanByName(name);
  return kalman === null ? null : { make: () => kalmanPredictor(kalman), compare: "values" };
}

/** `kalman_default`, `kalman_log1p`, `kalman_q10_t1_r1_m3`: unclamped, as recorded. */
function kalmanByName(name: string): Partial<KalmanOptions> | null {
  if (!name.startsWith("kalman")) return null;
  const options: Partial<KalmanOptions> = { clampAtZero: false };
  for (const part of name.split("_").slice(1)) {
    const [, letter, digits] = /^([qtrm])(\d+(?:\.\d+)?)$/.exec(part) ?? [];
    if (part === "log1p") options.log1p = true;
    else if (letter === "q") options.qLevel = Number(digits);
    else if (letter === "t") options.qTrend = Number(digits);
    else if (letter === "r") options.r = Number(digits);
    else if (letter === "m") options.minPoints = Number(digits);
    else if (part !== "default") return null;
  }
  return options;
}

/** Recorded one-step forecasts of a series against ours: value by value, or by their mean absolute error. */
export function comparePredictions(name: string, series: readonly number[], recorded: readonly number[]): Comparison {
  const comparison = new Comparison();
  const known = predictorByName(name)!;
  const predictor = known.make();
  const ours = series.map((value) => {
    predictor.add(value);
    return predictor.predict();
  });
  if (known.compare === "values") {
    const tolerance = name === "constant" ? 0 : KALMAN_RELATIVE;
    ours.forEach((value, i) => {
      comparison.near(`forecast ${i}`, value, recorded[i]!, tolerance);
    });
    return comparison;
  }
  const mean = series.reduce((sum, value) => sum + Math.abs(value), 0) / series.length;
  const theirs = meanAbsoluteError(series, recorded);
  const found = meanAbsoluteError(series, ours);
  const limit = Math.max(MAE_RATIO * theirs, MAE_FLOOR * mean);
  comparison.checks++;
  comparison.largestRelativeError = theirs > 0 ? Math.max(0, found / theirs - 1) : found > limit ? 1 : 0;
  if (!(found <= limit))
    comparison.note(`mean absolute error ${found.toPrecision(5)}, at most ${limit.toPrecision(5)} is allowed`);
  return comparison;
}

/** Of the forecasts made after 9, 10, … values. */
export function meanAbsoluteError(series: readonly number[], forecasts: readonly number[]): number {
  let sum = 0;
  let count = 0;
  for (let k = FIRST_SCORED - 1; k + 1 < series.length; k++) {
    sum += Math.abs(forecasts[k]! - series[k + 1]!);
    count++;
  }
  return sum / count;
}
