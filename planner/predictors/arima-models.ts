import { solveCholesky } from "./least-squares.ts";
import { median } from "./median.ts";

/** One order of the ARIMA family: what it forecasts after `values`, or null where they are too few or too alike to fit it. */
export interface ArimaModel {
  /** (p,d,q), as in the literature; a trailing `+c` where a differenced model has a drift. */
  readonly name: string;
  readonly parameters: number;
  forecast(values: readonly number[]): number | null;
}

/** The orders to choose from, simplest first. */
export const arimaModels: readonly ArimaModel[] = [
  { name: "(0,1,0)", parameters: 0, forecast: (values) => values.at(-1) ?? null },
  { name: "(0,0,0)", parameters: 1, forecast: mean },
  { name: "(0,0,0) by least absolute deviations", parameters: 1, forecast: middle },
  { name: "(0,1,0)+c", parameters: 1, forecast: drift },
  { name: "(0,1,1)", parameters: 1, forecast: exponentialSmoothing },
  ...[1, 2, 3, 4, 5, 6].map((order) => autoregression(order, 0)),
  ...[1, 2, 3].map((order) => autoregression(order, 1)),
  averageOfAutoregressions(8),
];

function mean(values: readonly number[]): number | null {
  return values.length < 2 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;
}

function middle(values: readonly number[]): number | null {
  return values.length < 3 ? null : median(values);
}

function drift(values: readonly number[]): number | null {
  const n = values.length;
  return n < 3 ? null : values[n - 1]! + (values[n - 1]! - values[0]!) / (n - 1);
}

/** Simple exponential smoothing is ARIMA(0,1,1); its weight is the one of a grid with the least squared one-step errors. */
function exponentialSmoothing(values: readonly number[]): number | null {
  if (values.length < 4) return null;
  let bestLevel = 0;
  let bestError = Number.POSITIVE_INFINITY;
  for (let weight = 0.1; weight < 1; weight += 0.1) {
    let level = values[0]!;
    let error = 0;
    for (let i = 1; i < values.length; i++) {
      const miss = values[i]! - level;
      error += miss * miss;
      level += weight * miss;
    }
    if (error < bestError) {
      bestError = error;
      bestLevel = level;
    }
  }
  return bestLevel;
}

function autoregression(order: number, differences: 0 | 1): ArimaModel {
  return {
    name: `(${order},${differences},0)${differences === 1 ? "+c" : ""}`,
    parameters: order + 1,
    forecast(values) {
      const series = differences === 0 ? values : values.slice(1).map((value, i) => value - values[i]!);
      const next = autoregress(series, order, 1e-12);
      return next === null || differences === 0 ? next : values.at(-1)! + next;
    },
  };
}

/** A long autoregression with a ridge: noise in a periodic series asks for more lags than the period's own two. */
function averageOfAutoregressions(order: number): ArimaModel {
  return {
    name: `(${order},0,0) with a ridge`,
    parameters: order + 1,
    forecast: (values) => autoregress(values, order, 3e-3),
  };
}

/** Forecast of an autoregression with intercept, fitted by (ridge) least squares on the centred series. */
function autoregress(values: readonly number[], order: number, ridge: number): number | null {
  const rows = values.length - order;
  if (rows < order + 2) return null;
  const center = values.reduce((sum, value) => sum + value, 0) / values.length;
  const scale = Math.sqrt(values.reduce((sum, value) => sum + (value - center) ** 2, 0) / values.length);
  if (!(scale > 1e-9 * Math.abs(center)) || !(scale > 0)) return null;
  const size = order + 1;
  const normal = new Float64Array(size * size);
  const solution = new Float64Array(size);
  const regressors = new Float64Array(size);
  const lagged = (at: number) => {
    regressors[0] = 1;
    for (let lag = 1; lag <= order; lag++) regressors[lag] = (values[at - lag]! - center) / scale;
  };
  for (let at = order; at < values.length; at++) {
    lagged(at);
    const target = (values[at]! - center) / scale;
    for (let i = 0; i < size; i++) {
      solution[i] = solution[i]! + regressors[i]! * target;
      for (let j = 0; j <= i; j++) normal[i * size + j] = normal[i * size + j]! + regressors[i]! * regressors[j]!;
    }
  }
  for (let i = 1; i < size; i++) normal[i * size + i] = normal[i * size + i]! + ridge * rows;
  if (!solveCholesky(normal, solution, size)) return null;
  lagged(values.length);
  let next = 0;
  for (let i = 0; i < size; i++) next += solution[i]! * regressors[i]!;
  return center + scale * next;
}
