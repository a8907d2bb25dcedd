import { ForecastBank } from "./bank/forecast-bank.ts";
import { acceptedValue, type Predictor, type Quantity } from "./types.ts";

/**
 * The forecast bank as a one-step predictor of evenly sampled values. Request counts are judged as Poisson counts; lengths
 * by the noise their own steps show. The next value is the mean over the coming interval: the forecast of its middle.
 */
export function bankPredictor(intervalS: number, quantity: Quantity): Predictor {
  let count = 0;
  let last = 0;
  let stepVariance = 0;
  const bank = new ForecastBank({
    horizonS: intervalS,
    tickS: intervalS,
    ...(quantity === "length" ? { variance: () => Math.max(stepVariance, 1e-6 * last * last, 1e-12) } : {}),
  });
  const perValue = quantity === "requests" ? 1 / intervalS : 1;
  return {
    add(value) {
      const accepted = acceptedValue(value, count === 0);
      if (accepted === null) return;
      // Neighbours differ by two noises: half the mean squared step is the variance of one.
      if (count > 0) stepVariance += ((accepted - last) ** 2 / 2 - stepVariance) / Math.min(count, 30);
      last = accepted;
      count++;
      bank.observe(count * intervalS, intervalS, accepted * perValue);
    },
    predict: () => (bank.isReady ? bank.forecast(intervalS / 2) / perValue : 0),
  };
}
