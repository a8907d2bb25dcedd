import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { randomStream } from "#common";
import {
  createPredictor,
  ensemblePredictor,
  LoadPredictor,
  linearPredictor,
  loadLoss,
  normalQuantile,
  type Predictor,
  predictorConfigSchema,
  predictorTypes,
  prophetPredictor,
} from "#planner/predictors";
import { loadProphet } from "#planner/sources";

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

const prophet = await loadProphet();

function make(type: (typeof predictorTypes)[number]): Predictor {
  return createPredictor(predictorConfigSchema.parse(type), 60, "requests", { prophet });
}

/** Series of everything that a source may hand on: counts, nothing, NaN, no number at all, the extremes; in runs or mixed. */
const anyValue = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: 0, max: 100_000 }) },
  fc.constantFrom(0, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -1, -1e9, 1e308, 5e-324, 1e-9),
  fc.constantFrom(null as unknown as number, undefined as unknown as number),
  fc.double({ noNaN: true }),
);
const anySeries = fc
  .array(fc.tuple(anyValue, fc.oneof(fc.constant(1), fc.integer({ min: 2, max: 30 }))), { maxLength: 40 })
  .map((runs) => runs.flatMap(([value, times]) => Array.from({ length: times }, () => value)).slice(0, 90));

describe.each(predictorTypes)("%s predictor", (type) => {
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
      fc.property(anySeries, (values) => {
        for (const forecast of feed(make(type), values)) {
          expect(forecast).toBeGreaterThanOrEqual(0);
          expect(forecast).toBeLessThan(1e17);
        }
      }),
      { numRuns: type === "prophet" ? 25 : 150 },
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

describe("linear", () => {
  it("goes on with the line through the window, and forgets what came before it", () => {
    expect(feed(linearPredictor({ window: 3 }), [900, 10, 20, 30]).at(-1)).toBeCloseTo(40, 9);
    expect(feed(linearPredictor(), [100, 60, 20]).at(-1)).toBe(0);
  });
});

describe("prophet", () => {
  const ramp = Array.from({ length: 30 }, (_, k) => 100 + 20 * k);

  it("follows a ramp, on the scale of the values and of their logarithms", () => {
    expect(error(ramp, feed(prophetPredictor(prophet), ramp))).toBeLessThan(0.1);
    expect(error(ramp, feed(prophetPredictor(prophet, { log1p: true }), ramp))).toBeLessThan(20);
  });

  it("takes the least-squares line where no optimum is found", () => {
    expect(
      feed(
        prophetPredictor(() => null),
        [100, 130, 120, 150, 180],
      ).at(-1),
    ).toBeCloseTo(190, 9);
  });

  it("does not run away from the last value by more than two of the largest steps", () => {
    const wild = feed(
      prophetPredictor(() => 1e6),
      [100, 130, 120, 150, 180],
    );
    expect(wild.at(-1)).toBe(240);
  });

  it("asks for the window's values at the times that the step says", () => {
    const asked: [readonly number[], number][] = [];
    const predictor = prophetPredictor(
      (times, values, at) => {
        asked.push([times.map((time) => at - time), values.length]);
        return 1;
      },
      { window: 6, stepS: 180 },
    );
    feed(predictor, [1, 2, 3, 4, 5, 6, 7, 8]);
    expect(asked.at(-1)).toEqual([[1080, 900, 720, 540, 360, 180], 6]);
  });

  it("is refused where nobody has loaded it", () => {
    expect(() => createPredictor(predictorConfigSchema.parse("prophet"), 60, "requests")).toThrowError(
      expect.objectContaining({ code: "PREDICTORS_PROPHET_MISSING" }),
    );
  });
});

describe("ensemble", () => {
  it("knows a new level for one at once: a step costs it no more than the last value", () => {
    const step = Array.from({ length: 60 }, (_, k) => (k < 30 ? 480 : 1080));
    expect(error(step, feed(make("ensemble"), step))).toBeCloseTo(error(step, feed(make("constant"), step)), 6);
  });

  it("learns that spikes pass", () => {
    const random = randomStream(2, "rare spikes");
    const spiky = Array.from({ length: 100 }, () => (random.next() < 0.1 ? 3000 : 500) + 50 * random.normal());
    expect(error(spiky, feed(make("ensemble"), spiky))).toBeLessThan(
      0.75 * error(spiky, feed(make("constant"), spiky)),
    );
  });

  it("finds a wave, exact or noisy", () => {
    const wave = Array.from({ length: 60 }, (_, k) => 1500 - 1200 * Math.cos((2 * Math.PI * k) / 20));
    expect(error(wave, feed(make("ensemble"), wave))).toBeLessThan(1);
    const random = randomStream(6, "wave");
    const noisy = wave.map((_, k) => random.poisson(1500 - 1200 * Math.cos((2 * Math.PI * k) / 10)));
    expect(error(noisy, feed(make("ensemble"), noisy))).toBeLessThan(
      0.15 * error(noisy, feed(make("constant"), noisy)),
    );
  });

  it("says what it goes by", () => {
    const ensemble = ensemblePredictor();
    feed(ensemble, [100, 120, 140, 160, 180, 200, 220, 240]);
    const choices = ensemble.choices();
    expect(choices[0]).toMatchObject({ name: expect.stringMatching(/line|\+c/), weight: 1 });
  });
});

describe("the load as a whole", () => {
  const traffic = { requests: 600, isl: 512, osl: 64 };
  const idle = { requests: 0, isl: Number.NaN, osl: Number.NaN };

  it("carries the last lengths through idle time, and takes idle time for no requests", () => {
    const load = new LoadPredictor({ type: "constant" }, 60);
    for (const values of [traffic, idle, idle]) load.add(values);
    expect(load.predict()).toEqual({ requests: 0, isl: 512, osl: 64 });
  });

  it("leaves out the idle time before the first live request, history or not", () => {
    const load = new LoadPredictor({ type: "constant" }, 60);
    load.warmUp([traffic, { ...traffic, requests: 300 }]);
    load.add(idle);
    expect(load.predict()).toEqual({ requests: 300, isl: 512, osl: 64 });
    load.add({ ...traffic, requests: 100 });
    load.add(idle);
    expect(load.predict().requests).toBe(0);
  });

  it("weighs a miss by tokens first, lengths second", () => {
    expect(loadLoss(traffic, traffic)).toBe(0);
    const twice = loadLoss({ ...traffic, requests: 1200 }, traffic);
    expect(twice).toBeCloseTo(0.8 * Math.log(2), 4);
    expect(loadLoss({ ...traffic, isl: 1024 }, traffic)).toBeCloseTo(0.5 * Math.log(2), 2);
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
