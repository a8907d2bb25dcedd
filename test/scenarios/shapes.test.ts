import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { buildWorkload, type Content, type OpenEntry, type RateShape, type TrafficEntry } from "#scenarios";

const content: Content = {
  patterns: [{ share: null, isl: { kind: "fixed", value: 3000 }, osl: { kind: "fixed", value: 300 } }],
  sessions: null,
  prefix: null,
  blockTokens: 64,
};

function open(rate: RateShape, durationMs: number, more: Partial<OpenEntry> = {}): OpenEntry {
  return { kind: "open", startMs: 0, durationMs, rate, arrivals: { kind: "poisson" }, content, ...more };
}

function arrivals(entry: TrafficEntry, seed: number | string = 1): Float64Array {
  return buildWorkload([entry], { seed }).arrivalMs;
}

/** Area under the rate by the midpoint rule: the count to expect, from the definition of the shape alone. */
function area(rate: (tS: number) => number, fromS: number, toS: number): number {
  // Steps of 50 ms begin at every edge of the shapes below.
  const steps = Math.max(1, Math.round((toS - fromS) * 20));
  let sum = 0;
  for (let i = 0; i < steps; i++) sum += rate(fromS + ((i + 0.5) * (toS - fromS)) / steps);
  return (sum * (toS - fromS)) / steps;
}

const gauss = (h: number, m: number, s: number) => Math.exp(-0.5 * ((h - m) / s) ** 2);

/** Shapes with their rates written out from the definitions, in requests/s over seconds. */
const shapes: { name: string; shape: RateShape; durationS: number; rate: (tS: number) => number }[] = [
  {
    name: "a week with its weekend",
    shape: {
      kind: "diurnal",
      dayMs: 300_000,
      base: 4,
      peaks: [{ hour: 12, height: 20, widthHours: 2 }],
      weekend: { firstDay: 4, base: 2, peaks: [{ hour: 20, height: 6, widthHours: 2 }] },
    },
    durationS: 2700,
    rate: (t) => {
      const hour = ((t % 300) / 300) * 24;
      const weekend = (4 + Math.floor(t / 300)) % 7 >= 5;
      return weekend ? 2 + 6 * gauss(hour, 20, 2) : 4 + 20 * gauss(hour, 12, 2);
    },
  },
  {
    name: "flash crowds",
    shape: { kind: "flashCrowd", base: 5, peak: 45, startsMs: [200_000, 260_000], riseMs: 20_000, decayMs: 60_000 },
    durationS: 900,
    rate: (t) =>
      [200, 260].reduce((sum, s) => {
        const x = t - s;
        if (x <= 0) return sum;
        return sum + 40 * (x < 20 ? x / 20 : Math.exp(-(x - 20) / 60));
      }, 5),
  },
  { name: "constant", shape: { kind: "constant", rate: 20 }, durationS: 1800, rate: () => 20 },
  {
    name: "ramp",
    shape: { kind: "ramp", from: 0, to: 50 },
    durationS: 600,
    rate: (t) => (50 * t) / 600,
  },
  {
    name: "steps",
    shape: {
      kind: "steps",
      steps: [
        { atMs: 0, rate: 8 },
        { atMs: 400_000, rate: 18 },
        { atMs: 1_000_000, rate: 8 },
      ],
    },
    durationS: 1400,
    rate: (t) => (t >= 400 && t < 1000 ? 18 : 8),
  },
  {
    name: "points",
    shape: {
      kind: "points",
      points: [
        { atMs: 0, rate: 4 },
        { atMs: 300_000, rate: 4 },
        { atMs: 900_000, rate: 50 },
        { atMs: 1_200_000, rate: 50 },
        { atMs: 1_500_000, rate: 4 },
      ],
    },
    durationS: 1800,
    rate: (t) => {
      if (t < 300 || t >= 1500) return 4;
      if (t < 900) return 4 + (46 * (t - 300)) / 600;
      return t < 1200 ? 50 : 50 - (46 * (t - 1200)) / 300;
    },
  },
  {
    name: "sinusoid",
    shape: { kind: "sinusoid", min: 5, max: 45, periodMs: 600_000, phase: 0 },
    durationS: 1700,
    rate: (t) => 25 + 20 * Math.sin((2 * Math.PI * t) / 600 - Math.PI / 2),
  },
  {
    name: "sinusoid down to zero, from its maximum",
    shape: { kind: "sinusoid", min: 0, max: 30, periodMs: 600_000, phase: 0.5 },
    durationS: 1500,
    rate: (t) => 15 + 15 * Math.cos((2 * Math.PI * t) / 600),
  },
  {
    name: "burst",
    shape: { kind: "burst", base: 8, peak: 32, startsMs: [600_000, 1_300_000], lengthMs: 120_000 },
    durationS: 1800,
    rate: (t) => ((t >= 600 && t < 720) || (t >= 1300 && t < 1420) ? 32 : 8),
  },
  {
    name: "diurnal",
    shape: {
      kind: "diurnal",
      base: 4,
      dayMs: 600_000,
      peaks: [
        { hour: 11, height: 30, widthHours: 2.4 },
        { hour: 20, height: 38, widthHours: 2 },
      ],
    },
    durationS: 1200,
    rate: (t) => {
      const h = (24 * (t % 600)) / 600;
      return 4 + 30 * gauss(h, 11, 2.4) + 38 * gauss(h, 20, 2);
    },
  },
];

describe.each(shapes)("the shape $name", ({ shape, durationS, rate }) => {
  const mean = area(rate, 0, durationS);

  it("gives the expected number of evenly spaced requests", () => {
    const times = arrivals(open(shape, durationS * 1000, { arrivals: { kind: "constant" } }));
    expect(Math.abs(times.length - mean)).toBeLessThanOrEqual(1.01);
  });

  it("places evenly spaced requests where the area under the rate says", () => {
    const times = arrivals(open(shape, durationS * 1000, { arrivals: { kind: "constant" } }));
    for (const share of [0.25, 0.5, 0.9]) {
      const k = Math.floor(times.length * share);
      expect(Math.abs(area(rate, 0, times[k]! / 1000) - k)).toBeLessThan(1.5);
    }
  });

  it("gives Poisson counts: mean and variance of many seeds agree with the area", () => {
    const counts = Array.from({ length: 60 }, (_, seed) => arrivals(open(shape, durationS * 1000), seed).length);
    const average = counts.reduce((a, b) => a + b, 0) / counts.length;
    const variance = counts.reduce((a, b) => a + (b - average) ** 2, 0) / (counts.length - 1);
    expect(Math.abs(average - mean)).toBeLessThan(4 * Math.sqrt(mean / counts.length));
    // A χ² with 59 degrees of freedom lies within these factors in all but 2 of 10,000 cases.
    expect(variance / mean).toBeGreaterThan(0.43);
    expect(variance / mean).toBeLessThan(1.9);
  });

  it("follows the rate: counts in tenths of the time are Poisson around their own area", () => {
    const times = arrivals(open(shape, durationS * 1000), 7);
    for (let part = 0; part < 10; part++) {
      const [from, to] = [(part * durationS) / 10, ((part + 1) * durationS) / 10];
      const expected = area(rate, from, to);
      const seen = times.filter((t) => t / 1000 >= from && t / 1000 < to).length;
      expect(Math.abs(seen - expected)).toBeLessThan(4.5 * Math.sqrt(expected) + 1);
    }
  });
});

describe("an mmpp", () => {
  const shape: RateShape = {
    kind: "mmpp",
    states: [
      { rate: 6, meanStayMs: 60_000 },
      { rate: 24, meanStayMs: 30_000 },
    ],
  };

  it("spends its time in the states as their mean stays say", () => {
    const counts = Array.from({ length: 40 }, (_, seed) => arrivals(open(shape, 3_600_000), seed).length);
    const average = counts.reduce((a, b) => a + b, 0) / counts.length / 3600;
    // (6·60 + 24·30) / 90 = 12; one hour holds 40 cycles.
    expect(average).toBeGreaterThan(11.4);
    expect(average).toBeLessThan(12.6);
  });

  it("is burstier than Poisson", () => {
    const times = arrivals(open(shape, 3_600_000), 3);
    const minutes = Array.from({ length: 60 }, (_, m) => times.filter((t) => Math.floor(t / 60_000) === m).length);
    const average = minutes.reduce((a, b) => a + b, 0) / 60;
    const variance = minutes.reduce((a, b) => a + (b - average) ** 2, 0) / 59;
    expect(variance / average).toBeGreaterThan(10);
  });
});

describe("arrivals", () => {
  const constant = (kind: OpenEntry["arrivals"], seed: number) =>
    arrivals(open({ kind: "constant", rate: 50 }, 600_000, { arrivals: kind }), seed);
  const cvOfGaps = (times: Float64Array) => {
    const gaps = [...times.subarray(1)].map((t, i) => t - times[i]!);
    const average = gaps.reduce((a, b) => a + b, 0) / gaps.length;
    return Math.sqrt(gaps.reduce((a, b) => a + (b - average) ** 2, 0) / gaps.length) / average;
  };

  it.each([0.25, 1, 3])("with gamma gaps have the coefficient of variation asked for (%d)", (cv) => {
    const times = constant({ kind: "gamma", cv }, 5);
    expect(cvOfGaps(times) / cv).toBeGreaterThan(0.9);
    expect(cvOfGaps(times) / cv).toBeLessThan(1.1);
  });

  it("with gamma gaps keep the mean rate, however bursty", () => {
    const counts = Array.from({ length: 40 }, (_, seed) => constant({ kind: "gamma", cv: 4 }, seed).length);
    const average = counts.reduce((a, b) => a + b, 0) / counts.length;
    // Standard error: cv · √(30000 / 40) ≈ 110.
    expect(Math.abs(average - 30_000)).toBeLessThan(4 * 110);
  });

  it("in bins stand at whole milliseconds, evenly within each step", () => {
    const times = arrivals(
      open({ kind: "sinusoid", min: 5, max: 10, periodMs: 10_000, phase: 0 }, 100_000, {
        arrivals: { kind: "binned", stepMs: 1000 },
      }),
    );
    expect(times.every((t) => Number.isInteger(t))).toBe(true);
    for (let s = 0; s < 100; s++) {
      const inStep = [...times].filter((t) => Math.floor(t / 1000) === s);
      expect(inStep).toEqual(inStep.map((_, j) => s * 1000 + Math.floor((1000 * j) / inStep.length)));
    }
    expect(times.length).toBeGreaterThan(750 - 4 * Math.sqrt(750));
    expect(times.length).toBeLessThan(750 + 4 * Math.sqrt(750));
  });
});

const rate = fc.double({ min: 0, max: 40, noNaN: true });
const anyShape: fc.Arbitrary<RateShape> = fc.oneof(
  rate.map((r): RateShape => ({ kind: "constant", rate: r })),
  fc.record({ kind: fc.constant("ramp" as const), from: rate, to: rate }),
  fc
    .array(fc.record({ gap: fc.integer({ min: 1, max: 20_000 }), rate }), { minLength: 1, maxLength: 6 })
    .chain((list) => {
      let atMs = 0;
      const points = list.map(({ gap, rate: r }, i) => {
        if (i > 0) atMs += gap;
        return { atMs, rate: r };
      });
      return fc.constantFrom<RateShape>({ kind: "steps", steps: points }, { kind: "points", points });
    }),
  fc.tuple(rate, rate, fc.integer({ min: 1000, max: 60_000 }), fc.double({ min: 0, max: 1, noNaN: true })).map(
    ([a, b, periodMs, phase]): RateShape => ({
      kind: "sinusoid",
      min: Math.min(a, b),
      max: Math.max(a, b),
      periodMs,
      phase,
    }),
  ),
  fc.record({
    kind: fc.constant("burst" as const),
    base: rate,
    peak: rate,
    startsMs: fc.array(fc.integer({ min: 0, max: 60_000 }), { maxLength: 4 }),
    lengthMs: fc.integer({ min: 1, max: 30_000 }),
  }),
  fc.record({
    kind: fc.constant("mmpp" as const),
    states: fc.array(fc.record({ rate, meanStayMs: fc.integer({ min: 500, max: 20_000 }) }), {
      minLength: 1,
      maxLength: 3,
    }),
  }),
);
const anyArrivals: fc.Arbitrary<OpenEntry["arrivals"]> = fc.oneof(
  fc.constant({ kind: "poisson" as const }),
  fc.constant({ kind: "constant" as const }),
  fc.record({ kind: fc.constant("gamma" as const), cv: fc.double({ min: 0.2, max: 4, noNaN: true }) }),
  fc.record({ kind: fc.constant("binned" as const), stepMs: fc.integer({ min: 100, max: 5000 }) }),
);

describe("every open shape", () => {
  it("gives ascending arrivals within its time, the same for the same seed", () => {
    fc.assert(
      fc.property(anyShape, anyArrivals, fc.integer({ min: 1, max: 60_000 }), fc.nat(), (shape, kind, ms, seed) => {
        const entry = open(shape, ms, { arrivals: kind });
        const workload = buildWorkload([entry], { seed });
        const times = workload.arrivalMs;
        expect([...workload.openHeads]).toEqual([...times.keys()]);
        for (let i = 0; i < times.length; i++) {
          if (!(times[i]! >= (i === 0 ? 0 : times[i - 1]!) && times[i]! < ms)) expect.fail(`arrival ${i}: ${times[i]}`);
        }
        expect(buildWorkload([entry], { seed })).toEqual(workload);
      }),
      { numRuns: 150, seed: 20_261_101 },
    );
  });

  it("sends nothing while the rate is zero", () => {
    const times = arrivals(
      open({ kind: "burst", base: 0, peak: 16, startsMs: [300_000, 900_000], lengthMs: 300_000 }, 1_500_000),
    );
    expect(times.length).toBeGreaterThan(9000);
    expect(times.filter((t) => t % 600_000 < 300_000)).toHaveLength(0);
  });
});
