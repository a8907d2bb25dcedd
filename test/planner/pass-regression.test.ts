import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { evaluateHinge, fitHinge } from "../../planner/core/load-compat/regression/hinge-fit.ts";
import { fitNonNegative, fitOrdinary, squaredError } from "../../planner/core/load-compat/regression/linear-fit.ts";
import { MovingAverage } from "../../planner/core/load-compat/regression/moving-average.ts";
import { PassRegression } from "../../planner/core/load-compat/regression/pass-regression.ts";
import { type Sample, SpreadSamples } from "../../planner/core/load-compat/regression/retention.ts";
import { testProfile } from "./observations.ts";

const options = { maxSamples: 64, buckets: 16, minSamples: 5 };
const prompt = (prefillTokens: number) => [{ prefillTokens, decodeRequests: 0, decodeKvTokens: 0 }];
const decoding = (decodeRequests: number, decodeKvTokens: number) => [
  { prefillTokens: 0, decodeRequests, decodeKvTokens },
];

describe("retention", () => {
  it("a long steady load does not push out what was learnt of others", () => {
    const samples = new SpreadSamples(1, 4, 8);
    for (const x of [0, 100, 200, 300, 400]) samples.add({ x: [x], y: x });
    for (let i = 0; i < 1000; i++) samples.add({ x: [399], y: 1000 + i });
    const kept = [...samples];
    expect(samples.count).toBe(8);
    expect(kept.map(({ x }) => x[0])).toEqual(expect.arrayContaining([0, 100, 200]));
    // Of the steady load the newest are left.
    expect(Math.min(...kept.filter(({ x }) => x[0] === 399).map(({ y }) => y))).toBeGreaterThan(1990);
  });

  it("never keeps more than it may, whatever comes", () => {
    const point = fc.tuple(fc.integer({ min: -50, max: 50 }), fc.integer({ min: 0, max: 9 }));
    fc.assert(
      fc.property(
        fc.array(point, { minLength: 1, maxLength: 200 }),
        fc.integer({ min: 2, max: 20 }),
        (points, most) => {
          const samples = new SpreadSamples(2, 16, most);
          points.forEach((x, i) => {
            samples.add({ x, y: i });
            expect(samples.count).toBe(Math.min(i + 1, most));
            expect([...samples]).toHaveLength(samples.count);
          });
          expect(samples.greatest(0)).toBe(Math.max(...points.map(([x]) => x)));
        },
      ),
      { seed: 1 },
    );
  });
});

describe("linear fits", () => {
  const sample = fc.record({
    x: fc.tuple(fc.integer({ min: 0, max: 100 }), fc.integer({ min: 0, max: 100 })),
    y: fc.double({ min: 0, max: 100, noNaN: true }),
  });

  it("ordinary least squares finds a line that is one, also where a feature never varies", () => {
    const line = fitOrdinary([1, 2, 3, 7].map((x) => ({ x: [x, 5], y: 3 + 2 * x })))!;
    expect(line.intercept).toBeCloseTo(3, 9);
    expect(line.slopes[0]).toBeCloseTo(2, 9);
    expect(line.slopes[1]).toBe(0);
    expect(fitOrdinary([])).toBeNull();
  });

  it("no slope is below 0, and no other line without such a slope fits better", () => {
    fc.assert(
      fc.property(
        fc.array(sample, { minLength: 3, maxLength: 20 }),
        fc.array(fc.nat(300), { minLength: 3, maxLength: 3 }),
        (samples, rivals) => {
          const line = fitNonNegative(samples)!;
          expect(Math.min(...line.slopes)).toBeGreaterThanOrEqual(0);
          const rival = { intercept: rivals[0]! - 100, slopes: [rivals[1]! / 100, rivals[2]! / 100] };
          const error = squaredError(line, samples);
          expect(error).toBeLessThanOrEqual(squaredError(rival, samples) * (1 + 1e-9) + 1e-6);
        },
      ),
      { seed: 2 },
    );
  });
});

describe("the hinge", () => {
  it("follows a floor that a straight line misses", () => {
    // 30 ms up to about 1500 tokens, then 20 µs a token.
    const time = (tokens: number) => Math.max(30, 0.02 * tokens);
    const samples: Sample[] = [50, 200, 400, 800, 1200, 2000, 4000, 8000, 12_000, 16_000].map((x) => ({
      x: [x],
      y: time(x),
    }));
    const hinge = fitHinge(samples)!;
    for (const tokens of [100, 600, 3000, 10_000]) {
      expect(Math.abs(evaluateHinge(hinge, tokens) - time(tokens))).toBeLessThan(0.1 * time(tokens));
    }
    const straight = fitOrdinary(samples)!;
    expect(straight.intercept).toBeLessThan(22);
  });

  it("never falls", () => {
    const samples = fc.array(
      fc.record({
        x: fc.tuple(fc.integer({ min: 1, max: 20_000 })),
        y: fc.double({ min: 0.1, max: 500, noNaN: true }),
      }),
      { minLength: 6, maxLength: 40 },
    );
    fc.assert(
      fc.property(samples, (given) => {
        const hinge = fitHinge(given);
        if (hinge === null) return;
        let before = Number.NEGATIVE_INFINITY;
        for (let tokens = 0; tokens <= 20_000; tokens += 500) {
          const now = evaluateHinge(hinge, tokens);
          expect(now).toBeGreaterThanOrEqual(before - 1e-9 * Math.abs(before));
          before = now;
        }
      }),
      { seed: 3 },
    );
  });
});

describe("the regression of passes", () => {
  it("begins with a profile: single prompts, and batches of sequences", () => {
    const model = new PassRegression(options);
    expect(model.passMs(prompt(1000))).toBeNull();
    model.learnProfile(testProfile, ["prefill", "decode"]);
    expect(model.passMs(prompt(3000))).toBeCloseTo(80, 3);
    expect(model.passMs(decoding(60, 180_000))).toBeCloseTo(10, 1);
    // Nothing is known of mixed passes yet: one half after the other.
    const both = model.passMs([{ prefillTokens: 3000, decodeRequests: 60, decodeKvTokens: 180_000 }])!;
    expect(both).toBeCloseTo(90, 1);
  });

  it("says nothing of a kind before it has enough of it, and then follows what it sees", () => {
    const model = new PassRegression(options);
    for (let i = 1; i <= 4; i++) model.learn(decoding(i, 1000 * i), 5 + i);
    expect(model.passMs(decoding(2, 2000))).toBeNull();
    model.learn(decoding(5, 5000), 10);
    expect(model.passMs(decoding(2, 2000))).toBeCloseTo(7, 6);
    expect(model.passMs(prompt(100))).toBeNull();
  });

  it("lets the most loaded rank decide, and heartbeats say nothing", () => {
    const model = new PassRegression(options);
    for (let i = 1; i <= 5; i++) model.learn([...decoding(i, 1000 * i), ...decoding(0, 0)], 5 + i);
    model.learn(decoding(9, 9000), 0);
    const uneven = model.passMs([...decoding(1, 1000), ...decoding(4, 4000)]);
    expect(uneven).toBeCloseTo(9, 6);
    expect(model.passMs(decoding(4, 4000))).toBe(uneven);
  });
});

it("a moving average leaves out zeros before the first value and counts those after it", () => {
  const average = new MovingAverage(3);
  for (const value of [0, 0, 6, 0]) average.add(value);
  expect(average.mean).toBe(3);
  for (const value of [0, 0]) average.add(value);
  expect(average.mean).toBe(0);
});
