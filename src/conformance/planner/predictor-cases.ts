import {
  arimaPredictor,
  constantPredictor,
  ensemblePredictor,
  type KalmanOptions,
  kalmanPredictor,
  type Predictor,
  type PredictorTools,
  prophetPredictor,
} from "#planner/predictors";
import { Comparison } from "./comparison.ts";

/** Forecasts are scored from the one made after this many values (the first ones rest on too little). */
const FIRST_SCORED = 9;
const MAE_RATIO = 1.1;
/** Errors below this share of the series' mean count as none. */
const MAE_FLOOR = 1e-3;
const KALMAN_RELATIVE = 1e-9;
/** The ensemble must be as good as the best recorded predictor on this share of the series… */
const BEST_SHARE = 8 / 11;
/** …and never worse than the last value by more than this. */
const CONSTANT_RATIO = 1.1;
/** Sums of the same terms in another order. */
const ROUNDING = 1 + 1e-9;

/** How a recorded predictor is compared with ours: value by value, or by its mean absolute error. */
export interface KnownPredictor {
  make: () => Predictor;
  compare: "values" | "error";
}

/** The predictor that a recorded name stands for; a text says why there is none. */
export function predictorByName(name: string, tools: PredictorTools): KnownPredictor | string {
  const window = Number(/_w(\d+)/.exec(name)?.[1] ?? 50);
  const log1p = name.includes("log1p");
  if (name === "constant") return { make: constantPredictor, compare: "values" };
  if (name.startsWith("arima")) return { make: () => arimaPredictor({ window, log1p }), compare: "error" };
  if (name.startsWith("prophet")) {
    const { prophet } = tools;
    if (prophet === undefined) return "Prophet's library has not been loaded";
    const stepS = Number(/_step(\d+)/.exec(name)?.[1] ?? 1);
    return { make: () => prophetPredictor(prophet, { window, log1p, stepS }), compare: "error" };
  }
  const kalman = kalmanByName(name);
  if (kalman !== null) return { make: () => kalmanPredictor(kalman), compare: "values" };
  return `there is no predictor "${name}" here`;
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

/** Recorded one-step forecasts of a series against ours. */
export function comparePredictions(
  name: string,
  known: KnownPredictor,
  series: readonly number[],
  recorded: readonly number[],
): Comparison {
  const ours = oneStepForecasts(known.make(), series);
  if (known.compare === "error") return compareErrors(series, recorded, ours);
  const comparison = new Comparison();
  const tolerance = name === "constant" ? 0 : KALMAN_RELATIVE;
  ours.forEach((value, i) => {
    comparison.near(`forecast ${i}`, value, recorded[i]!, tolerance);
  });
  return comparison;
}

function compareErrors(series: readonly number[], recorded: readonly number[], ours: readonly number[]): Comparison {
  const theirs = meanAbsoluteError(series, recorded);
  return atMost(meanAbsoluteError(series, ours), Math.max(MAE_RATIO * theirs, floorOf(series)), theirs);
}

/** Of forecasts of `series`' values made one step before each (a dry run's), ours may be worse by a tenth. */
export function compareForecastErrors(
  series: readonly number[],
  recorded: readonly number[],
  ours: readonly number[],
): { found: number; limit: number } {
  const mae = (forecasts: readonly number[]) =>
    series.reduce((sum, value, i) => sum + Math.abs(forecasts[i]! - value), 0) / series.length;
  return { found: mae(ours), limit: Math.max(MAE_RATIO * mae(recorded), floorOf(series)) };
}

/** The ensemble on one series: never much worse than the last value. */
export function compareEnsemble(series: readonly number[]): Comparison {
  const constant = maeOf(constantPredictor(), series);
  return atMost(maeOf(ensemblePredictor(), series), Math.max(CONSTANT_RATIO * constant, floorOf(series)), constant);
}

/**
 * The ensemble over all series: how often it is as good as the best that was recorded.
 * @param best least recorded mean absolute error by series
 */
export function compareEnsembleWithBest(
  series: ReadonlyMap<string, readonly number[]>,
  best: ReadonlyMap<string, number>,
): Comparison {
  const comparison = new Comparison();
  const behind: string[] = [];
  for (const [name, values] of series) {
    const limit = Math.max(best.get(name)!, floorOf(values)) * ROUNDING;
    const found = maeOf(ensemblePredictor(), values);
    if (found > limit) behind.push(`${name} ${found.toPrecision(4)} > ${limit.toPrecision(4)}`);
  }
  const needed = Math.floor(BEST_SHARE * series.size);
  comparison.checks++;
  if (series.size - behind.length < needed) {
    comparison.note(
      `as good as the best on ${series.size - behind.length} of ${series.size} series, ${needed} are needed: ${behind.join(", ")}`,
    );
  }
  return comparison;
}

function atMost(found: number, limit: number, theirs: number): Comparison {
  const comparison = new Comparison();
  comparison.checks++;
  comparison.largestRelativeError = theirs > 0 ? Math.max(0, found / theirs - 1) : found > limit ? 1 : 0;
  if (!(found <= limit))
    comparison.note(`mean absolute error ${found.toPrecision(5)}, at most ${limit.toPrecision(5)} is allowed`);
  return comparison;
}

function floorOf(series: readonly number[]): number {
  return (MAE_FLOOR * series.reduce((sum, value) => sum + Math.abs(value), 0)) / series.length;
}

function maeOf(predictor: Predictor, series: readonly number[]): number {
  return meanAbsoluteError(series, oneStepForecasts(predictor, series));
}

function oneStepForecasts(predictor: Predictor, series: readonly number[]): number[] {
  return series.map((value) => {
    predictor.add(value);
    return predictor.predict();
  });
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
