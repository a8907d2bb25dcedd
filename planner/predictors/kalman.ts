import { acceptedValue, type Predictor } from "./types.ts";

export interface KalmanOptions {
  /** Process noise of the level and of the trend, variance per step. */
  qLevel: number;
  qTrend: number;
  /** Measurement noise, variance. */
  r: number;
  /** Below this many values the last one is the forecast. */
  minPoints: number;
  /** Filter log(1 + value). */
  log1p: boolean;
  /** Never forecast below 0. With `log1p` the forecast is never below 0 anyway. */
  clampAtZero: boolean;
}

export const kalmanDefaults: KalmanOptions = {
  qLevel: 1,
  qTrend: 0.1,
  r: 10,
  minPoints: 5,
  log1p: false,
  clampAtZero: true,
};

const INITIAL_VARIANCE = 1000;

/**
 * Local linear trend: state [level, trend], x' = [level + trend, trend], measured is the level (Harvey 1989, ch. 2).
 * The covariance is updated in Joseph's form, as FilterPy's KalmanFilter does, so that it stays symmetric and positive.
 */
export function kalmanPredictor(options: Partial<KalmanOptions> = {}): Predictor {
  const { qLevel, qTrend, r, minPoints, log1p, clampAtZero } = { ...kalmanDefaults, ...options };
  const measurementNoise = Math.max(1e-9, r);
  const levelNoise = Math.max(1e-12, qLevel);
  const trendNoise = Math.max(1e-12, qTrend);
  let count = 0;
  let last = 0;
  let level = 0;
  let trend = 0;
  let p00 = INITIAL_VARIANCE;
  let p01 = 0;
  let p11 = INITIAL_VARIANCE;
  let steppedAhead = false;

  function stepAhead(): void {
    level += trend;
    p00 = p00 + 2 * p01 + p11 + levelNoise;
    p01 = p01 + p11;
    p11 = p11 + trendNoise;
    steppedAhead = true;
  }

  function update(measured: number): void {
    const innovation = measured - level;
    const gain0 = p00 / (p00 + measurementNoise);
    const gain1 = p01 / (p00 + measurementNoise);
    level += gain0 * innovation;
    trend += gain1 * innovation;
    const keep = 1 - gain0;
    const new00 = keep * keep * p00 + gain0 * gain0 * measurementNoise;
    const new01 = keep * (p01 - gain1 * p00) + gain0 * gain1 * measurementNoise;
    const new11 = p11 - 2 * gain1 * p01 + gain1 * gain1 * (p00 + measurementNoise);
    p00 = new00;
    p01 = new01;
    p11 = new11;
    steppedAhead = false;
  }

  return {
    add(value) {
      const accepted = acceptedValue(value, count === 0);
      if (accepted === null) return;
      last = accepted;
      const measured = log1p ? Math.log1p(Math.max(0, accepted)) : accepted;
      count++;
      if (count === 1) {
        level = measured;
        return;
      }
      if (!steppedAhead) stepAhead();
      update(measured);
    },
    predict() {
      if (count < minPoints) return last;
      if (!steppedAhead) stepAhead();
      if (log1p) return Math.max(0, Math.expm1(level));
      return clampAtZero ? Math.max(0, level) : level;
    },
  };
}
