import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  arimaPredictor,
  constantPredictor,
  ensemblePredictor,
  kalmanPredictor,
  type Predictor,
  prophetPredictor,
} from "#planner/predictors";
import { loadProphet } from "#planner/sources";
import { drawnSeries, fixedSeries, otherSeries } from "../../bench/predictor-series.ts";

const { noisy_step, noisy_ramp, day_of_30, reverting, spikes_in_time } = otherSeries;
const madeSeries = {
  ...fixedSeries,
  ...drawnSeries,
  noisy_step,
  noisy_ramp,
  day_of_30,
  reverting,
  spikes_in_time,
} as Record<string, (seed: number) => number[]>;
const prophet = await loadProphet();
const SEEDS = Array.from({ length: 16 }, (_, i) => i + 1);

/** Mean absolute one-step error of the forecasts made after nine values and more. */
function meanError(make: () => Predictor, values: readonly number[]): number {
  const predictor = make();
  let sum = 0;
  values.forEach((value, k) => {
    if (k >= 9) sum += Math.abs(predictor.predict() - value);
    predictor.add(value);
  });
  return sum / (values.length - 9);
}

const mean = (make: () => Predictor, kind: (seed: number) => number[], seeds: number[] = SEEDS) =>
  seeds.reduce((sum, seed) => sum + meanError(make, kind(seed)), 0) / seeds.length;

const others: Record<string, () => Predictor> = {
  constant: constantPredictor,
  arima: arimaPredictor,
  "arima log1p": () => arimaPredictor({ log1p: true }),
  kalman: kalmanPredictor,
  "kalman, quick": () => kalmanPredictor({ qLevel: 10, qTrend: 1, r: 1, minPoints: 3 }),
};

describe.each(Object.entries(madeSeries))("ensemble on %s", (_, kind) => {
  it("is never worse than the last value by more than a tenth, whatever is drawn", () => {
    for (const seed of SEEDS) {
      const values = kind(seed);
      const limit = Math.max(1.1 * meanError(constantPredictor, values), 1e-3 * values[0]!);
      expect(meanError(ensemblePredictor, values), `seed ${seed}`).toBeLessThanOrEqual(limit);
    }
  });

  it("is about as good as the best of the others, which nobody knows beforehand", () => {
    const best = Math.min(...Object.values(others).map((make) => mean(make, kind)));
    expect(mean(ensemblePredictor, kind)).toBeLessThanOrEqual(1.1 * best + 0.5);
  });

  it("is about as good as Prophet, or better", () => {
    const few = SEEDS.slice(0, 2);
    const best = Math.min(
      mean(() => prophetPredictor(prophet), kind, few),
      mean(() => prophetPredictor(prophet, { log1p: true }), kind, few),
    );
    expect(mean(ensemblePredictor, kind, few)).toBeLessThanOrEqual(1.2 * best + 0.5);
  });
});

/** The forecasts made after each value. */
function forecasts(values: readonly number[]): number[] {
  const predictor = ensemblePredictor();
  return values.map((value) => {
    predictor.add(value);
    return predictor.predict();
  });
}

const noise = [3, -4, 1, 5, -2, -5, 4, 0, 2, -3, -1, 4];
const about = (level: number, count: number) => Array.from({ length: count }, (_, i) => level + noise[i % 12]!);

describe("ensemble: what a jump means", () => {
  it("believes the last value after the first jump, whether it has been noisy before or not", () => {
    expect(forecasts([...about(500, 20), 3000]).at(-1)).toBe(3000);
    expect(forecasts([...new Array(20).fill(500), 3000]).at(-1)).toBe(3000);
  });

  it("expects the return once a spike has passed, even among the first values", () => {
    expect(forecasts([...about(500, 20), 3000, ...about(500, 9), 3010]).at(-1)).toBeCloseTo(500, -1);
    expect(forecasts([...about(500, 3), 3000, ...about(500, 12), 3010]).at(-1)).toBeCloseTo(500, -1);
  });

  it("does not expect it of a jump far larger than any before, nor of what has stayed", () => {
    expect(forecasts([...about(500, 20), 1000, ...about(500, 9), 50_000]).at(-1)).toBe(50_000);
    expect(forecasts([...about(500, 20), 3000, ...about(500, 9), 3010, 3005, 3012, 3007]).at(-1)).toBeGreaterThan(2900);
  });

  it("does not expect it where jumps have stayed", () => {
    const steps = [...about(500, 12), ...about(1500, 12), ...about(500, 12)];
    expect(forecasts([...steps, 1500]).at(-1)).toBe(1500);
  });

  it("measures a new level by its own values", () => {
    const made = forecasts([...about(500, 24), ...about(1500, 24)]);
    for (const forecast of made.slice(26)) expect(Math.abs(forecast - 1500)).toBeLessThan(10);
  });
});

describe("ensemble: noise or random walk", () => {
  const shareOfLastValue = (kind: (seed: number) => number[]) => {
    const values = SEEDS.map(kind);
    const repeats = values.map((one) => forecasts(one).filter((forecast, i) => i >= 8 && forecast === one[i]).length);
    return repeats.reduce((sum, count) => sum + count, 0) / (SEEDS.length * (values[0]!.length - 8));
  };

  it("repeats the last value on a random walk, and does not on noise", () => {
    expect(shareOfLastValue(drawnSeries.random_walk!)).toBeGreaterThan(0.6);
    expect(shareOfLastValue(drawnSeries.noisy_const!)).toBeLessThan(0.2);
  });

  it("costs a random walk at most 3 % in all, and gains a fifth on noise", () => {
    const gain = (kind: (seed: number) => number[]) => mean(ensemblePredictor, kind) / mean(constantPredictor, kind);
    expect(gain(drawnSeries.random_walk!)).toBeLessThan(1.03);
    expect(gain(drawnSeries.noisy_const!)).toBeLessThan(0.8);
  });
});

describe("ensemble: invariants", () => {
  const loads = fc.array(
    fc.oneof(fc.double({ min: 0, max: 1e6, noNaN: true }), fc.constantFrom(0, 500, 501, 3000, Number.NaN, -1)),
    { maxLength: 80 },
  );

  it("says the same for the same values, whatever follows, and shares of what it goes by add up", () => {
    fc.assert(
      fc.property(loads, loads, (values, later) => {
        const alone = forecasts(values);
        expect(forecasts([...values, ...later]).slice(0, values.length)).toEqual(alone);
        expect(alone.every((forecast) => Number.isFinite(forecast) && forecast >= 0)).toBe(true);
        const ensemble = ensemblePredictor();
        for (const value of values) ensemble.add(value);
        const shares = ensemble.choices().reduce((sum, { weight }) => sum + weight, 0);
        expect(shares).toBeLessThanOrEqual(1 + 1e-9);
      }),
      { numRuns: 40 },
    );
  });

  it("forgets: after long enough, two series that differ only long ago forecast the same", () => {
    const tail = Array.from({ length: 800 }, (_, k) => 1000 + 100 * Math.sin(k) + noise[k % 12]!);
    const lastOf = (start: number[]) => forecasts([...start, ...tail]).at(-1)!;
    const other = lastOf(about(80_000, 40));
    expect(Math.abs(lastOf(about(20, 40)) - other)).toBeLessThan(1e-6 * other);
  });
});
