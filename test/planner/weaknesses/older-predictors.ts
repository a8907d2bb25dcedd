import type { Predictor } from "#planner/predictors";

/** Values before an older ARIMA is fitted. */
const FIRST_FIT = 5;

/**
 * ARIMA as Dynamo's planner has had it since 2026: the order is chosen and the coefficients are fitted once, to the first values, and
 * then kept. Here of the orders AR(0) to AR(2) with a mean, by the corrected AIC that `auto_arima` also goes by.
 */
export function arimaFittedOnce(): Predictor {
  const values: number[] = [];
  let fitted: ((values: readonly number[]) => number) | null = null;
  return {
    add(value) {
      values.push(value);
      if (values.length === FIRST_FIT) fitted = fitOnce(values);
    },
    predict: () => (fitted === null ? (values.at(-1) ?? 0) : Math.max(0, fitted(values))),
  };
}

function fitOnce(values: readonly number[]): (values: readonly number[]) => number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const candidates = [() => mean, autoregression(values, mean)];
  const scored = candidates.map((forecast, parameters) => {
    let error = 1e-9;
    for (let i = 1; i < values.length; i++) error += (values[i]! - forecast(values.slice(0, i))) ** 2;
    return { forecast, score: (values.length - 1) * Math.log(error) + 2 * parameters };
  });
  return scored.sort((a, b) => a.score - b.score)[0]!.forecast;
}

/** AR(1) round the mean, stationary: its coefficient stays below 1. */
function autoregression(values: readonly number[], mean: number): (values: readonly number[]) => number {
  let top = 0;
  let bottom = 1e-9;
  for (let i = 1; i < values.length; i++) {
    top += (values[i]! - mean) * (values[i - 1]! - mean);
    bottom += (values[i - 1]! - mean) ** 2;
  }
  const coefficient = Math.min(0.99, Math.max(-0.99, top / bottom));
  return (seen) => mean + coefficient * (seen.at(-1)! - mean);
}
