import { arimaModels } from "../arima-models.ts";
import { fitHarmonics, HarmonicBases, harmonicValue } from "../bank/harmonic-fit.ts";
import { nextOfDampedTrend } from "../damped-trend.ts";
import { nextOnLine } from "../linear.ts";
import { median } from "../median.ts";
import { nextOfShrunk, type Shrinkage } from "../shrunk-autoregression.ts";

/** One voice of the ensemble: forecasts the next value after each `add`, or null while it has nothing to say. */
export interface Expert {
  readonly name: string;
  /** Numbers it fits to the series; between equals the simpler one is believed. */
  readonly parameters: number;
  add(value: number): void;
  forecast(): number | null;
  /** There is a new level, and these are its first values. */
  restart?(values: readonly number[]): void;
}

/** Values that the window experts fit to. */
const WINDOW = 50;
/** A period needs more than that to be told from another. */
const SEASON_WINDOW = 120;
const FIRST_SEASON_VALUES = 14;
const SHORTEST_PERIOD = 5;
const USEFUL_BIC_GAIN = 5;

/** Orders that foretell a series without noise exactly, and the levels; with noise, autoregressions that are shrunk do better. */
const arimaOrders = [
  "(0,1,0)",
  "(0,0,0)",
  "(0,0,0) by least absolute deviations",
  "(0,1,0)+c",
  "(0,1,1)",
  "(2,0,0)",
  "(3,0,0)",
  "(8,0,0) with a ridge",
  "(2,1,0)+c",
];

const shrunk: readonly Shrinkage[] = [
  { order: 8, strength: 16, decay: 1, reverts: false },
  { order: 8, strength: 16, decay: 1, reverts: true },
  { order: 8, strength: 4, decay: 0, reverts: true },
  { order: 8, strength: 1, decay: 0, reverts: true },
];

/** Experts that forecast the level of many values, than which nothing is better where there is nothing but noise about it. */
export const LEVELS: ReadonlySet<string> = new Set([
  "(0,0,0)",
  "(0,0,0) by least absolute deviations",
  "mean of 20",
  "mean since",
  "median since",
]);

/** The last value comes first: it is what is believed while nothing is known. */
export function ensembleExperts(): Expert[] {
  return [
    ...arimaOrders.map((order) => arimaExpert(order)),
    ...shrunk.map((options) =>
      windowExpert(`(8,1,0) shrunk by ${options.strength}${options.reverts ? ", reverting" : ""}`, 2, (values) =>
        nextOfShrunk(values, options),
      ),
    ),
    windowExpert("line", 2, nextOnLine),
    windowExpert("line of 10", 2, (values) => nextOnLine(values.slice(-10))),
    windowExpert("trend", 2, (values) => nextOfDampedTrend(values, [0.98])),
    windowExpert("damped trend", 3, (values) => nextOfDampedTrend(values, [0.8, 0.9])),
    windowExpert("season", 4, seasonal(), SEASON_WINDOW),
    windowExpert("mean of 10", 1, (values) => mean(values.slice(-10))),
    windowExpert("mean of 20", 1, (values) => mean(values.slice(-20))),
    windowExpert("median of 9", 1, (values) => (values.length < 3 ? null : median(values.slice(-9)))),
    exponentialLevel(0.3),
    exponentialLevel(0.6),
    sinceShift("mean since", mean),
    sinceShift("median since", median),
    sinceShift("level 0.2 since", (values) => {
      let level = 0;
      values.forEach((value, i) => {
        level += Math.max(0.2, 1 / (i + 1)) * (value - level);
      });
      return level;
    }),
  ];
}

function arimaExpert(order: string): Expert {
  const model = arimaModels.find(({ name }) => name === order)!;
  return windowExpert(model.name, model.parameters, (values) => model.forecast(values));
}

/** What is fitted to the values since the last new level only. */
function sinceShift(name: string, next: (values: readonly number[]) => number): Expert {
  let values: number[] = [];
  return {
    name,
    parameters: 1,
    add(value) {
      values.push(value);
      if (values.length > WINDOW) values.shift();
    },
    forecast: () => (values.length < 3 ? (values.at(-1) ?? null) : next(values)),
    restart(first) {
      values = [...first];
    },
  };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
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

/** Mean and harmonics of the period with the best BIC, and what they missed last, fading as it has faded so far. */
function seasonal(): (values: readonly number[]) => number | null {
  const bases = new HarmonicBases();
  return (values) => nextOfSeason(values, bases);
}

function nextOfSeason(values: readonly number[], bases: HarmonicBases): number | null {
  const n = values.length;
  if (n < FIRST_SEASON_VALUES) return null;
  const steps = Float64Array.from(values, (_, i) => i);
  const fit = fitHarmonics(steps, Float64Array.from(values), 1, n, SHORTEST_PERIOD, bases);
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

function exponentialLevel(weight: number): Expert {
  let level: number | null = null;
  return {
    name: `level ${weight}`,
    parameters: 1,
    add(value) {
      level = level === null ? value : level + weight * (value - level);
    },
    forecast: () => level,
  };
}
