import { arimaModels } from "./arima-models.ts";
import { acceptedValue, type Predictor } from "./types.ts";

export interface ArimaOptions {
  /** Values kept for fitting; older ones are forgotten. */
  window: number;
  /** Fit log(1 + value): proportional noise, and forecasts that are never negative. */
  log1p: boolean;
  /** Never forecast below 0. */
  clampAtZero: boolean;
}

export const arimaDefaults: ArimaOptions = { window: 50, log1p: false, clampAtZero: true };

/** Values before the first fit; with fewer the last value is the forecast, as in the reference planner. */
const MIN_VALUES = 5;
/** Past errors fade by this factor a step, so that the choice follows a series that changes its nature. */
const FADE = 0.97;
/** A model must have been right this many times before it is believed. */
const MIN_SCORED = 2;
/** Price of a parameter, as a share of the error: between equals the simpler model wins (parsimony, as in AIC). */
const PARAMETER_PRICE = 0.015;

/** Orders whose error is within this factor of the best are averaged. */
const AS_GOOD = 1.1;

/**
 * Automatic ARIMA: every order of `arimaModels` is refitted to the window after each value and its one-step forecast scored
 * when the next value comes; the orders with the least (fading) absolute error so far forecast, averaged where several are as
 * good (Bates & Granger 1969). Choosing by honest one-step errors is the prequential principle (Dawid 1984); it needs no
 * unit-root test, and an order that fits the past but not the future is dropped after a few steps. Falls back to the last
 * value where nothing can be fitted.
 */
export function arimaPredictor(options: Partial<ArimaOptions> = {}): Predictor & { order(): string } {
  const { window, log1p, clampAtZero } = { ...arimaDefaults, ...options };
  const values: number[] = [];
  const raw: number[] = [];
  const forecasts: (number | null)[] = arimaModels.map(() => null);
  const errors = arimaModels.map(() => 0);
  const weights = arimaModels.map(() => 0);
  const scored = arimaModels.map(() => 0);

  function score(value: number): void {
    for (let i = 0; i < arimaModels.length; i++) {
      const forecast = forecasts[i]!;
      if (forecast === null) continue;
      errors[i] = errors[i]! * FADE + Math.abs(forecast - value);
      weights[i] = weights[i]! * FADE + 1;
      scored[i] = scored[i]! + 1;
    }
  }

  function refit(): void {
    const low = Math.min(...values);
    const high = Math.max(...values);
    const margin = high - low;
    for (let i = 0; i < arimaModels.length; i++) {
      const forecast = arimaModels[i]!.forecast(values);
      forecasts[i] =
        forecast === null || !Number.isFinite(forecast)
          ? null
          : inverse(Math.max(low - margin, Math.min(high + margin, forecast)));
    }
  }

  function inverse(value: number): number {
    const back = log1p ? Math.expm1(value) : value;
    return log1p || clampAtZero ? Math.max(0, back) : back;
  }

  /** Mean absolute error so far with the price of its parameters; infinite for an order that cannot speak yet. */
  function errorOf(i: number): number {
    if (forecasts[i] === null || scored[i]! < MIN_SCORED) return Number.POSITIVE_INFINITY;
    return (errors[i]! / weights[i]!) * (1 + PARAMETER_PRICE * arimaModels[i]!.parameters);
  }

  function bestOrder(): number {
    let best = 0;
    for (let i = 1; i < arimaModels.length; i++) if (errorOf(i) < errorOf(best) * (1 - 1e-9)) best = i;
    return best;
  }

  function combined(): number | null {
    const limit = errorOf(bestOrder()) * AS_GOOD;
    if (limit === Number.POSITIVE_INFINITY) return null;
    let sum = 0;
    let count = 0;
    for (let i = 0; i < arimaModels.length; i++) {
      if (errorOf(i) > limit) continue;
      sum += forecasts[i]!;
      count++;
    }
    return sum / count;
  }

  return {
    add(value) {
      const accepted = acceptedValue(value, raw.length === 0);
      if (accepted === null) return;
      score(accepted);
      raw.push(accepted);
      values.push(log1p ? Math.log1p(Math.max(0, accepted)) : accepted);
      if (values.length > window) {
        values.shift();
        raw.shift();
      }
      refit();
    },
    predict() {
      const last = raw.at(-1) ?? 0;
      if (raw.length < MIN_VALUES || raw.every((value) => value === last)) return last;
      return combined() ?? last;
    },
    order: () => (raw.length < MIN_VALUES ? "last value" : arimaModels[bestOrder()]!.name),
  };
}
