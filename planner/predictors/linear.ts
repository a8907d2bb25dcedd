import { acceptedValue, type Predictor } from "./types.ts";

export interface LinearOptions {
  /** Values the line is laid through; older ones are forgotten. */
  window: number;
}

export const linearDefaults: LinearOptions = { window: 10 };

/** The next value on the least-squares line through the last `window` values; with fewer than three, the last value. Never negative. */
export function linearPredictor(options: Partial<LinearOptions> = {}): Predictor {
  const { window } = { ...linearDefaults, ...options };
  const values: number[] = [];
  return {
    add(value) {
      const accepted = acceptedValue(value, values.length === 0);
      if (accepted === null) return;
      values.push(accepted);
      if (values.length > window) values.shift();
    },
    predict: () => Math.max(0, nextOnLine(values)),
  };
}

/** Ordinary least squares over equidistant values, one step beyond the last. */
export function nextOnLine(values: readonly number[]): number {
  const n = values.length;
  if (n < 3) return values.at(-1) ?? 0;
  const middle = (n - 1) / 2;
  const mean = values.reduce((sum, value) => sum + value, 0) / n;
  let covariance = 0;
  let variance = 0;
  for (let i = 0; i < n; i++) {
    covariance += (i - middle) * (values[i]! - mean);
    variance += (i - middle) ** 2;
  }
  return mean + (covariance / variance) * (n - middle);
}
