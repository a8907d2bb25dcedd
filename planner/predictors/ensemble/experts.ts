import { type ArimaModel, arimaModels } from "../arima-models.ts";
import { fitHarmonics, harmonicValue } from "../bank/harmonic-fit.ts";
import { kalmanPredictor } from "../kalman.ts";
import { nextOnLine } from "../linear.ts";
import type { Predictor } from "../types.ts";

/** One voice of the ensemble: forecasts the next value after each `add`, or null while it has nothing to say. */
export interface Expert {
  readonly name: string;
  /** Numbers it fits to the series; between equals the simpler one is believed. */
  readonly parameters: number;
  add(value: number): void;
  forecast(): number | null;
}

/** Values that the window experts fit to. */
const WINDOW = 50;
/** A period needs more than that to be told from another. */
const SEASON_WINDOW = 120;
const FIRST_SEASON_VALUES = 14;
const SHORTEST_PERIOD = 5;
const USEFUL_BIC_GAIN = 5;

/** The last value comes first: it is what is believed while nothing is known. */
export function ensembleExperts(): Expert[] {
  const logOrders = ["(0,0,0)", "(1,0,0)", "(2,0,0)", "(2,1,0)+c"];
  return [
    ...arimaModels.map((model) => windowExpert(model.name, model.parameters, (values) => model.forecast(values))),
    ...arimaModels
      .filter(({ name }) => logOrders.includes(name))
      .map((model) => windowExpert(`log ${model.name}`, model.parameters, (values) => onLogScale(model, values))),
    windowExpert("line", 2, nextOnLine),
    windowExpert("line of 10", 2, (values) => nextOnLine(values.slice(-10))),
    windowExpert("season", 4, seasonal, SEASON_WINDOW),
    steady("level 0.3", exponentialLevel(0.3)),
    steady("level 0.6", exponentialLevel(0.6)),
    steady("damped trend", dampedTrend(0.5, 0.3, 0.9)),
    steady("kalman", kalmanPredictor({ qLevel: 10, qTrend: 1, r: 1, minPoints: 3 })),
  ];
}

/**
 * An expert that sees the last `window` values at once. Its forecast may leave what it has seen by the width of that, no more:
 * a fit to few values can run away.
 */
function windowExpert(
  name: string,
  parameters: number,
  next: (values: readonly number[]) => number | null,
  window = WINDOW,
): Expert {
  const values: number[] = [];
  return {
    name,
    parameters,
    add(value) {
      values.push(value);
      if (values.length > window) values.shift();
    },
    forecast() {
      const forecast = next(values);
      if (forecast === null || !Number.isFinite(forecast)) return null;
      const low = Math.min(...values);
      const high = Math.max(...values);
      return Math.max(0, Math.min(2 * high - low, Math.max(2 * low - high, forecast)));
    },
  };
}

function onLogScale(model: ArimaModel, values: readonly number[]): number | null {
  const forecast = model.forecast(values.map(Math.log1p));
  return forecast === null ? null : Math.expm1(forecast);
}

/** Mean and harmonics of the period with the best BIC, and what they missed last, fading as it has faded so far. */
function seasonal(values: readonly number[]): number | null {
  const n = values.length;
  if (n < FIRST_SEASON_VALUES) return null;
  const steps = Float64Array.from(values, (_, i) => i);
  const fit = fitHarmonics(steps, Float64Array.from(values), 1, n, SHORTEST_PERIOD);
  if (fit === null || fit.bicGain < USEFUL_BIC_GAIN) return null;
  const misses = values.map((value, i) => value - harmonicValue(fit, i));
  let products = 0;
  let squares = 1e-9;
  for (let i = 1; i < n; i++) {
    products += misses[i]! * misses[i - 1]!;
    squares += misses[i - 1]! ** 2;
  }
  return harmonicValue(fit, n) + Math.max(0, Math.min(0.95, products / squares)) * misses[n - 1]!;
}

function steady(name: string, predictor: Predictor): Expert {
  let seen = false;
  return {
    name,
    parameters: 1,
    add(value) {
      seen = true;
      predictor.add(value);
    },
    forecast: () => (seen ? predictor.predict() : null),
  };
}

function exponentialLevel(weight: number): Predictor {
  let level: number | null = null;
  return {
    add(value) {
      level = level === null ? value : level + weight * (value - level);
    },
    predict: () => level ?? 0,
  };
}

/** Holt's linear trend with damping (Gardner & McKenzie 1985). */
function dampedTrend(levelWeight: number, trendWeight: number, damping: number): Predictor {
  let level: number | null = null;
  let trend = 0;
  return {
    add(value) {
      if (level === null) {
        level = value;
        return;
      }
      const expected: number = level + damping * trend;
      const next: number = expected + levelWeight * (value - expected);
      trend = damping * trend + trendWeight * (next - level - damping * trend);
      level = next;
    },
    predict: () => Math.max(0, (level ?? 0) + damping * trend),
  };
}
