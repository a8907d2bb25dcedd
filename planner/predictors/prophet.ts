import { nextOnLine } from "./linear.ts";
import { acceptedValue, type Predictor } from "./types.ts";

/**
 * A fitted Prophet model asked for one value; the library behind it loads WebAssembly, so the shell hands it in.
 * @param times of the values, s since 1970, ascending @param atTime to forecast for
 * @returns null where the fit found no optimum
 */
export type ProphetEngine = (times: readonly number[], values: readonly number[], atTime: number) => number | null;

export interface ProphetOptions {
  /** Values kept for fitting; older ones are forgotten. */
  window: number;
  /** Fit log(1 + value). */
  log1p: boolean;
  /** Time between values, s. */
  stepS: number;
}

export const prophetDefaults: ProphetOptions = { window: 50, log1p: false, stepS: 60 };

/** 2024-01-01, as in the reference planner: Prophet's seasons are the calendar's, but only distances in time matter to them. */
const FIRST_TIME_S = 1_704_067_200;
/** With fewer values the last one is the forecast, as in the reference planner. */
const MIN_VALUES = 5;
/** The forecast lies at most this many of the window's largest steps from the last value. */
const MOST_STEPS = 2;

/**
 * Prophet (Taylor & Letham 2018), refitted to the window for each forecast. A trend through few values can run away, so a
 * forecast farther from the last value than twice the largest step in the window is pulled back to that; where the fit fails,
 * the least-squares line stands in (Prophet's trend where no changepoint is worth its price). Never negative.
 */
export function prophetPredictor(engine: ProphetEngine, options: Partial<ProphetOptions> = {}): Predictor {
  const { window, log1p, stepS } = { ...prophetDefaults, ...options };
  const values: number[] = [];
  let count = 0;
  let forecast: number | null = null;

  function refit(): number {
    const last = values.at(-1) ?? 0;
    if (values.length < MIN_VALUES || values.every((value) => value === last)) return last;
    const scaled = log1p ? values.map(Math.log1p) : values;
    const times = values.map((_, i) => FIRST_TIME_S + (count - values.length + i) * stepS);
    const fitted = engine(times, scaled, FIRST_TIME_S + count * stepS);
    const next = fitted === null || !Number.isFinite(fitted) ? nextOnLine(scaled) : fitted;
    const reach = MOST_STEPS * largestStep(values);
    const raw = log1p ? Math.expm1(next) : next;
    return Math.max(0, Math.min(last + reach, Math.max(last - reach, raw)));
  }

  return {
    add(value) {
      const accepted = acceptedValue(value, count === 0);
      if (accepted === null) return;
      values.push(Math.max(0, accepted));
      if (values.length > window) values.shift();
      count++;
      forecast = null;
    },
    predict() {
      forecast ??= refit();
      return forecast;
    },
  };
}

function largestStep(values: readonly number[]): number {
  let largest = 0;
  for (let i = 1; i < values.length; i++) largest = Math.max(largest, Math.abs(values[i]! - values[i - 1]!));
  return largest;
}
