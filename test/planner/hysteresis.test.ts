import { describe, expect, it } from "vitest";
import { randomStream } from "#common";
import { AsymmetricHysteresis } from "../../planner/core/hysteresis.ts";
import type { Load } from "../../planner/core/known-need.ts";

const MINUTE_MS = 60_000;
const TICK_MS = 5000;

/** A load of which forecasts and arrivals say the same. */
function load(rate: number, seconds = 5): Load {
  return { upperRate: rate, forecast: rate, arrivals: { rate, seconds }, seasonalShare: 0, count: null };
}

/** Arrivals of `rate` from after `fromMs` to before `untilMs`, while forecasts say `upperRate`; fewer workers would do. */
function quiet(
  hysteresis: AsymmetricHysteresis,
  fromMs: number,
  untilMs: number,
  workers: number,
  rate: () => number,
  upperRate: number,
): string[] {
  const codes: string[] = [];
  for (let nowMs = fromMs + TICK_MS; nowMs < untilMs; nowMs += TICK_MS) {
    const given = {
      upperRate,
      forecast: upperRate,
      arrivals: { rate: rate(), seconds: TICK_MS / 1000 },
      seasonalShare: 0,
      count: null,
    };
    codes.push(hysteresis.step(nowMs, workers, workers - 1, workers - 1, given).code);
  }
  return codes;
}

describe("up at once, down late", () => {
  it("goes up at once, and down when fewer have been enough for the delay", () => {
    const hysteresis = new AsymmetricHysteresis(10_000);
    expect(hysteresis.step(0, 2, 4, 4, load(30))).toMatchObject({ target: 4, code: "scale-up" });
    expect(hysteresis.step(5000, 4, 2, 2, load(10))).toMatchObject({ target: 4, code: "scale-down-waits" });
    expect(hysteresis.step(10_000, 4, 2, 3, load(10))).toMatchObject({ target: 4, code: "scale-down-waits" });
    expect(hysteresis.step(15_000, 4, 2, 2, load(10))).toMatchObject({ target: 3, code: "scale-down" });
  });

  it("does not try for an hour again at the same load what had to be taken back soon", () => {
    const hysteresis = new AsymmetricHysteresis(0);
    expect(hysteresis.step(0, 4, 3, 3, load(20))).toMatchObject({ target: 3, code: "scale-down" });
    expect(hysteresis.step(MINUTE_MS, 3, 4, 4, load(20))).toMatchObject({ target: 4, code: "scale-up" });
    expect(hysteresis.step(10 * MINUTE_MS, 4, 3, 3, load(20))).toMatchObject({ target: 4, code: "hold" });
    expect(hysteresis.step(60 * MINUTE_MS, 4, 3, 3, load(20))).toMatchObject({ target: 4, code: "hold" });
    expect(hysteresis.step(62 * MINUTE_MS, 4, 3, 3, load(20))).toMatchObject({ target: 3, code: "scale-down" });
  });

  it("does not follow margins that are given up while nothing is late, but requests and engines that have changed", () => {
    // Where passes are shared, formulas jump: a little less care may ask for far fewer workers.
    const counted = (waitShare: number, seconds: number): Load => ({
      ...load(100),
      count: {
        margins: { waitShare, batchDeviations: 1, errorQuantile: 0.9 },
        workers: (rate, margins) => Math.ceil(rate * seconds * (margins.waitShare < 0.01 ? 2 : 1)),
      },
    });
    const careful = counted(0.009, 0.03);
    const careless = counted(0.011, 0.03);
    const quicker = counted(0.011, 0.01);
    for (const [then, target] of [
      [careless, 6],
      [quicker, 1],
    ] as const) {
      const hysteresis = new AsymmetricHysteresis(0);
      expect(hysteresis.step(0, 3, 6, 6, careful)).toMatchObject({ target: 6, code: "scale-up" });
      const need = then.count!.workers(100, then.count!.margins)!;
      expect(hysteresis.step(10 * MINUTE_MS, 6, need, need, then)).toMatchObject({ target });
    }
  });

  it("does not go back to what was too few, however many workers less it is; but further down, for then requests have changed", () => {
    const hysteresis = new AsymmetricHysteresis(0);
    expect(hysteresis.step(0, 5, 3, 3, load(20))).toMatchObject({ target: 3, code: "scale-down" });
    expect(hysteresis.step(MINUTE_MS, 3, 5, 5, load(20))).toMatchObject({ target: 5, code: "scale-up" });
    expect(hysteresis.step(2 * MINUTE_MS, 5, 3, 3, load(20))).toMatchObject({ target: 5, code: "hold" });
    expect(hysteresis.step(3 * MINUTE_MS, 5, 2, 2, load(20))).toMatchObject({ target: 2, code: "scale-down" });
  });

  it("takes no late rise for a mistake", () => {
    const hysteresis = new AsymmetricHysteresis(0);
    hysteresis.step(0, 4, 3, 3, load(20));
    hysteresis.step(10 * MINUTE_MS, 3, 4, 4, load(20));
    expect(hysteresis.step(26 * MINUTE_MS, 4, 3, 3, load(20))).toMatchObject({ target: 3, code: "scale-down" });
  });

  it("holds nothing for a load that is gone, however little it was", () => {
    const hysteresis = new AsymmetricHysteresis(0);
    expect(hysteresis.step(0, 0, 1, 1, load(0.02))).toMatchObject({ target: 1, code: "scale-up" });
    expect(hysteresis.step(MINUTE_MS, 1, 0, 0, load(0.01))).toMatchObject({ target: 1, code: "hold" });
    expect(hysteresis.step(2 * MINUTE_MS, 1, 0, 0, load(0))).toMatchObject({ target: 0, code: "scale-down" });
  });
});

describe("what a load was found to need", () => {
  it("stays for a quarter of an hour while forecasts are within three deviations of a Poisson rate over 50 s", () => {
    const hysteresis = new AsymmetricHysteresis(0);
    expect(hysteresis.step(0, 3, 5, 5, load(20))).toMatchObject({ target: 5, code: "scale-up" });
    expect(hysteresis.step(MINUTE_MS, 5, 4, 4, load(18.2))).toMatchObject({ target: 5, code: "hold" });
    expect(hysteresis.step(14 * MINUTE_MS, 5, 4, 4, load(18.2))).toMatchObject({ target: 5, code: "hold" });
    expect(hysteresis.step(16 * MINUTE_MS, 5, 3, 4, load(18.2))).toMatchObject({ target: 4, code: "scale-down" });
  });

  it("goes at once when forecasts are lower than noise can make them", () => {
    const hysteresis = new AsymmetricHysteresis(0);
    hysteresis.step(0, 3, 5, 5, load(20));
    expect(hysteresis.step(MINUTE_MS, 5, 3, 3, load(15.5))).toMatchObject({ target: 3, code: "scale-down" });
  });

  it("goes by forecasts a little lower only when the arrivals since say that the load has fallen", () => {
    const hysteresis = new AsymmetricHysteresis(0);
    hysteresis.step(0, 4, 5, 5, load(200));
    const before = quiet(hysteresis, 0, 5 * MINUTE_MS, 5, () => 195, 190);
    expect(new Set(before)).toEqual(new Set(["hold"]));
    const after = quiet(hysteresis, 5 * MINUTE_MS, 7 * MINUTE_MS, 5, () => 180, 190);
    expect(after[0]).toBe("hold");
    expect(after).toContain("scale-down");
  });

  it("stays where a peak of noise called for it and the load has not changed", () => {
    const hysteresis = new AsymmetricHysteresis(0);
    const stream = randomStream(7, "arrivals");
    // A tick of 206 requests/s makes the forecast 190 where 182 come.
    const peak = { upperRate: 190, forecast: 190, arrivals: { rate: 206, seconds: 5 }, seasonalShare: 0, count: null };
    expect(hysteresis.step(0, 20, 21, 21, peak)).toMatchObject({ target: 21, code: "scale-up" });
    const codes = quiet(hysteresis, 0, 15 * MINUTE_MS, 21, () => stream.poisson(182 * 5) / 5, 180.1);
    expect(new Set(codes)).toEqual(new Set(["hold"]));
  });

  it("is given up sooner where a period explains the load", () => {
    const hysteresis = new AsymmetricHysteresis(0);
    hysteresis.step(0, 3, 5, 5, load(20));
    expect(hysteresis.step(MINUTE_MS, 5, 4, 4, load(17))).toMatchObject({ code: "hold" });
    const seasonal = { ...load(17), seasonalShare: 1 };
    expect(hysteresis.step(2 * MINUTE_MS, 5, 4, 4, seasonal)).toMatchObject({ target: 4, code: "scale-down" });
  });

  it("is given up where far fewer workers do for almost the same load", () => {
    const hysteresis = new AsymmetricHysteresis(0);
    hysteresis.step(0, 3, 9, 9, load(20));
    expect(hysteresis.step(MINUTE_MS, 9, 8, 8, load(17.5))).toMatchObject({ code: "hold" });
    expect(hysteresis.step(2 * MINUTE_MS, 9, 4, 4, load(17.5))).toMatchObject({ target: 4, code: "scale-down" });
  });

  it("is given up with the reserve that it was for", () => {
    const hysteresis = new AsymmetricHysteresis(0);
    hysteresis.step(0, 3, 5, 5, { ...load(20), upperRate: 24 });
    expect(hysteresis.step(MINUTE_MS, 5, 4, 4, { ...load(20), upperRate: 22 })).toMatchObject({ code: "hold" });
    expect(hysteresis.step(2 * MINUTE_MS, 5, 4, 4, load(20))).toMatchObject({ target: 4, code: "scale-down" });
  });
});
