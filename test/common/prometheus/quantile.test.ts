import { describe, expect, it } from "vitest";
import {
  counterIncrease,
  histogramIncrease,
  histogramQuantile,
  parsePrometheus,
  registry,
  sumOfHistograms,
  sumOfSamples,
} from "#common/prometheus";

const INF = Number.POSITIVE_INFINITY;

/** Series and answers of Prometheus' own test data (promql/promqltest/testdata/histograms.test). */
const TESTDATA = {
  positive: [
    { le: 0.1, count: 50 },
    { le: 0.2, count: 70 },
    { le: 1, count: 110 },
    { le: INF, count: 120 },
  ],
  negative: [
    { le: -0.2, count: 10 },
    { le: -0.1, count: 20 },
    { le: 0.3, count: 20 },
    { le: INF, count: 30 },
  ],
};

describe("histogramQuantile", () => {
  it("interpolates within a bucket, from 0 in the first and never beyond the last bound", () => {
    const { positive } = TESTDATA;
    expect(histogramQuantile(0, positive)).toBe(0);
    expect(histogramQuantile(0.2, positive)).toBeCloseTo(0.048, 12);
    expect(histogramQuantile(0.5, positive)).toBeCloseTo(0.15, 12);
    expect(histogramQuantile(0.8, positive)).toBeCloseTo(0.2 + (0.8 * 26) / 40, 12);
    expect(histogramQuantile(1, positive)).toBe(1);
  });

  it("takes the bound itself where the first bucket is not positive", () => {
    const { negative } = TESTDATA;
    expect(histogramQuantile(0.2, negative)).toBe(-0.2);
    expect(histogramQuantile(0.5, negative)).toBeCloseTo(-0.15, 12);
    expect(histogramQuantile(0.8, negative)).toBe(0.3);
  });

  it("knows no quantile of nothing, of one bucket, or without +Inf", () => {
    expect(histogramQuantile(0.5, [])).toBeNaN();
    expect(histogramQuantile(0.5, [{ le: INF, count: 5 }])).toBeNaN();
    expect(histogramQuantile(0.5, TESTDATA.positive.slice(0, 3))).toBeNaN();
    expect(histogramQuantile(Number.NaN, TESTDATA.positive)).toBeNaN();
    const empty = TESTDATA.positive.map(({ le }) => ({ le, count: 0 }));
    expect(histogramQuantile(0.5, empty)).toBeNaN();
    expect(histogramQuantile(-0.1, TESTDATA.positive)).toBe(-INF);
    expect(histogramQuantile(1.1, TESTDATA.positive)).toBe(INF);
  });

  it("evens out buckets that fall because a scrape was not atomic", () => {
    const buckets = [
      { le: 1, count: 10 },
      { le: 2, count: 9 },
      { le: 4, count: 20 },
      { le: INF, count: 20 },
    ];
    expect(histogramQuantile(0.75, buckets)).toBe(3);
  });
});

describe("sums over series", () => {
  it("tell no data from zero and add what matches", () => {
    const families = parsePrometheus('a{m="x",p="1"} 2\na{m="x",p="2"} 3\na{m="y"} 0\n');
    expect(sumOfSamples(families.get("a"), { m: "x" })).toBe(5);
    expect(sumOfSamples(families.get("a"), { m: "y" })).toBe(0);
    expect(sumOfSamples(families.get("a"), { m: "z" })).toBeNull();
    expect(sumOfSamples(families.get("b"))).toBeNull();
  });

  it("add histograms bucket by bucket", () => {
    const metrics = registry();
    const histogram = metrics.histogram("h", "H.", ["m", "p"], [1, 2]);
    histogram.labels("x", "1").observe(0.5, 3);
    histogram.labels("x", "2").observe(1.5);
    histogram.labels("y", "1").observe(9);
    const family = parsePrometheus(metrics.text()).get("h");
    expect(sumOfHistograms(family, { m: "x" })).toEqual({
      buckets: [
        { le: 1, count: 3 },
        { le: 2, count: 4 },
        { le: INF, count: 4 },
      ],
      sum: 3,
      count: 4,
    });
    expect(sumOfHistograms(family, { m: "z" })).toBeNull();
    expect(sumOfHistograms(undefined)).toBeNull();
  });
});

describe("increases", () => {
  it("of a counter begin anew where it fell", () => {
    expect(counterIncrease(5, 9)).toBe(4);
    expect(counterIncrease(5, 5)).toBe(0);
    expect(counterIncrease(5, 2)).toBe(2);
  });

  it("of a histogram do so as a whole", () => {
    const at = (low: number, count: number, sum: number) => ({
      buckets: [
        { le: 1, count: low },
        { le: INF, count },
      ],
      sum,
      count,
    });
    expect(histogramIncrease(at(2, 5, 50), at(4, 9, 80))).toEqual(at(2, 4, 30));
    expect(histogramIncrease(at(2, 5, 50), at(3, 4, 10))).toEqual(at(3, 4, 10));
    expect(histogramIncrease(null, at(3, 4, 10))).toEqual(at(3, 4, 10));
  });
});
