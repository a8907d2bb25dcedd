import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { randomStream } from "#common";
import { createPredictor, normalQuantile, type Predictor, predictorConfigSchema } from "#planner/predictors";

function feed(predictor: Predictor, values: readonly number[]): number[] {
  return values.map((value) => {
    predictor.add(value);
    return predictor.predict();
  });
}

/** Mean absolute one-step error from the tenth value on. */
function error(values: readonly number[], forecasts: readonly number[]): number {
  const errors = values.slice(10).map((value, i) => Math.abs(value - forecasts[i + 9]!));
  return errors.reduce((sum, each) => sum + each, 0) / errors.length;
}

function make(type: "constant" | "arima" | "kalman" | "bank"): Predictor {
  return createPredictor(predictorConfigSchema.parse(type), 60, "requests");
}

const types = ["constant", "arima", "kalman", "bank"] as const;

describe.each(types)("%s predictor", (type) => {
  it("says 0 before the first value and the value after the first", () => {
    const predictor = make(type);
    expect(predictor.predict()).toBe(0);
    predictor.add(120);
    expect(predictor.predict()).toBeCloseTo(120, 6);
  });

  it("drops leading idle time, keeps later idle time, and reads NaN as 0", () => {
    const idleFirst = feed(make(type), [0, Number.NaN, 0, 500, 520, 510, 505]).slice(3);
    expect(idleFirst).toEqual(feed(make(type), [500, 520, 510, 505]));
    const asNaN = feed(make(type), [500, 520, Number.NaN, Number.NaN]);
    expect(asNaN).toEqual(feed(make(type), [500, 520, 0, 0]));
  });

  it("forecasts a constant series exactly", () => {
    expect(
      feed(
        make(type),
        Array.from({ length: 40 }, () => 300),
      ).at(-1),
    ).toBeCloseTo(300, 6);
  });

  it("is finite and never negative, whatever comes", () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.integer({ min: 0, max: 100_000 }), fc.constant(Number.NaN)), { maxLength: 80 }),
        (values) => {
          for (const forecast of feed(make(type), values)) {
            expect(Number.isFinite(forecast)).toBe(true);
            expect(forecast).toBeGreaterThanOrEqual(0);
          }
        },
      ),
      { numRuns: 40 },
    );
  });

  it("changes nothing when it is asked twice", () => {
    const once = make(type);
    const twice = make(type);
    for (const value of [10, 14, 19, 25, 32, 40, 49]) {
      once.add(value);
      twice.add(value);
      twice.predict();
      expect(twice.predict()).toBe(once.predict());
    }
  });
});

describe("arima", () => {
  it("follows a sinusoid that the last value lags behind", () => {
    const wave = Array.from({ length: 60 }, (_, k) => 1500 - 1200 * Math.cos((2 * Math.PI * k) / 20));
    expect(error(wave, feed(make("arima"), wave))).toBeLessThan(0.01 * error(wave, feed(make("constant"), wave)));
  });

  it("is close to the mean on noise and to the last value on a step", () => {
    const random = randomStream(3, "noise");
    const noise = Array.from({ length: 120 }, () => 1000 + 40 * random.normal());
    expect(error(noise, feed(make("arima"), noise))).toBeLessThan(0.85 * error(noise, feed(make("constant"), noise)));
    const step = Array.from({ length: 60 }, (_, k) => (k < 30 ? 480 : 1080));
    expect(error(step, feed(make("arima"), step))).toBeLessThan(2.5 * error(step, feed(make("constant"), step)));
  });
});

describe("kalman", () => {
  it("follows a ramp without lag", () => {
    const ramp = Array.from({ length: 60 }, (_, k) => 100 + 20 * k);
    expect(error(ramp, feed(make("kalman"), ramp))).toBeLessThan(0.1);
  });

  it("goes below zero only where that is allowed", () => {
    const falling = Array.from({ length: 30 }, (_, k) => Math.max(0, 1000 - 100 * k));
    const free = createPredictor(predictorConfigSchema.parse({ type: "kalman", clampAtZero: false }), 60, "requests");
    expect(Math.min(...feed(free, falling))).toBeLessThan(0);
    expect(Math.min(...feed(make("kalman"), falling))).toBe(0);
  });
});

describe("bank as a predictor", () => {
  it("learns a period and beats the last value by far", () => {
    const random = randomStream(4, "wave");
    const wave = Array.from({ length: 200 }, (_, k) => random.poisson(1500 - 1200 * Math.cos((2 * Math.PI * k) / 20)));
    const learned = (forecasts: number[]) => error(wave.slice(60), forecasts.slice(60));
    expect(learned(feed(make("bank"), wave))).toBeLessThan(0.35 * learned(feed(make("constant"), wave)));
  });

  it("averages lengths instead of taking them for counts", () => {
    const random = randomStream(5, "lengths");
    const lengths = Array.from({ length: 100 }, () => 3000 + 300 * random.normal());
    const bank = createPredictor({ type: "bank" }, 60, "length");
    expect(error(lengths, feed(bank, lengths))).toBeLessThan(0.85 * error(lengths, feed(make("constant"), lengths)));
  });
});

describe("normal quantile", () => {
  it("inverts the normal distribution", () => {
    expect(normalQuantile(0.5)).toBeCloseTo(0, 12);
    expect(normalQuantile(0.975)).toBeCloseTo(1.959963985, 8);
    expect(normalQuantile(0.01)).toBeCloseTo(-2.326347874, 8);
    expect(normalQuantile(0.999)).toBeCloseTo(3.090232306, 8);
  });
});
