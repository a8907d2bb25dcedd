import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type RandomStream, randomStream } from "#common";
import { ForecastBank } from "#planner/predictors";

const TICK_S = 5;

/** Feeds Poisson counts of `rate(t)` in 5 s ticks; calls `each` after every tick. */
function run(
  bank: ForecastBank,
  rate: (atS: number) => number,
  untilS: number,
  each: (nowS: number) => void = () => {},
  random: RandomStream = randomStream(1, "arrivals"),
): void {
  for (let nowS = TICK_S; nowS <= untilS; nowS += TICK_S) {
    bank.observe(nowS, TICK_S, random.poisson(rate(nowS - TICK_S / 2) * TICK_S) / TICK_S);
    each(nowS);
  }
}

const wave = (atS: number) => 25 - 20 * Math.cos((2 * Math.PI * atS) / 600);

describe("forecast bank", () => {
  it("averages out Poisson noise on constant load", () => {
    const bank = new ForecastBank({ horizonS: 35, tickS: TICK_S });
    const errors: number[] = [];
    run(
      bank,
      () => 20,
      1800,
      (nowS) => nowS > 600 && errors.push(Math.abs(bank.forecast(35) - 20)),
    );
    const mean = errors.reduce((sum, each) => sum + each, 0) / errors.length;
    // A single tick's rate is off by 1.6 on average.
    expect(mean).toBeLessThan(0.8);
  });

  it("takes for noise what clumped requests make, no more and no less", () => {
    const said = (dispersion: number) => {
      const bank = new ForecastBank({ horizonS: 65, tickS: TICK_S });
      bank.dispersion = dispersion;
      const random = randomStream(3, "clumps");
      let reserve = 0;
      let moved = 0;
      let before = 20;
      for (let nowS = TICK_S; nowS <= 3600; nowS += TICK_S) {
        bank.observe(nowS, TICK_S, (6 * random.poisson((20 * TICK_S) / 6)) / TICK_S);
        if (nowS <= 900) continue;
        reserve += bank.reserve(0.9);
        moved += Math.abs(bank.forecast(0) - before);
        before = bank.forecast(0);
      }
      return { reserve, moved };
    };
    const [known, unknown] = [said(6), said(1)];
    expect(known.reserve).toBeLessThan(0.4 * unknown.reserve);
    expect(known.moved).toBeLessThan(0.8 * unknown.moved);
  });

  it("finds the period of a sinusoid and is ahead of it by the horizon", () => {
    const bank = new ForecastBank({ horizonS: 65, tickS: TICK_S });
    let learned = 0;
    let lagging = 0;
    run(bank, wave, 3600, (nowS) => {
      if (nowS < 1800) return;
      learned += Math.abs(bank.forecast(65) - wave(nowS + 65));
      lagging += Math.abs(wave(nowS) - wave(nowS + 65));
    });
    expect(learned).toBeLessThan(0.25 * lagging);
    expect(bank.heaviest()[0]!.periodS).toBeGreaterThan(570);
    expect(bank.heaviest()[0]!.periodS).toBeLessThan(630);
  });

  it("follows a jump within two ticks although no model saw it coming", () => {
    const bank = new ForecastBank({ horizonS: 5, tickS: TICK_S });
    run(bank, (atS) => (atS < 600 ? 8 : 32), 610);
    expect(bank.forecast(5)).toBeGreaterThan(24);
    expect(bank.mix(5)).toBeLessThan(bank.forecast(5));
  });

  it("holds a reserve after surprises, and little of it where only Poisson noise was seen", () => {
    const calm = new ForecastBank({ horizonS: 65, tickS: TICK_S });
    run(calm, () => 20, 1800);
    const bursty = new ForecastBank({ horizonS: 65, tickS: TICK_S });
    const bursts = [320, 700, 1440];
    run(bursty, (atS) => (bursts.some((start) => atS >= start && atS < start + 120) ? 32 : 8), 1750);
    expect(calm.reserve(0.9)).toBeLessThan(3);
    expect(bursty.reserve(0.9)).toBeGreaterThan(8);
  });

  it("does not take missing data for silence", () => {
    const bank = new ForecastBank({ horizonS: 5, tickS: TICK_S });
    run(bank, () => 20, 600);
    const before = bank.forecast(5);
    for (let i = 1; i <= 24; i++) bank.observe(600 + i * TICK_S, TICK_S, null);
    expect(bank.forecast(5)).toBeCloseTo(before, 6);
    expect(bank.recentRate(15)).toBeNaN();
  });

  it("keeps its upper forecast within reach of what was ever seen", () => {
    const bank = new ForecastBank({ horizonS: 65, tickS: TICK_S });
    run(bank, () => 10, 300);
    expect(bank.upper(65, 1000)).toBeLessThan(25);
    expect(bank.upper(65, 0)).toBe(bank.forecast(65));
  });

  it("yields finite rates of 0 or more for any sequence of rates, gaps and tick lengths", () => {
    const rate = fc.oneof(fc.constant(null), fc.double({ min: 0, max: 10_000, noNaN: true }), fc.constant(0));
    fc.assert(
      fc.property(fc.array(rate, { minLength: 1, maxLength: 200 }), fc.constantFrom(1, 5, 30, 180), (rates, tickS) => {
        const bank = new ForecastBank({ horizonS: 60 + tickS, tickS });
        rates.forEach((each, i) => {
          bank.observe((i + 1) * tickS, tickS, each);
          if (!bank.isReady) return;
          for (const value of [
            bank.forecast(0),
            bank.forecast(60),
            bank.reserve(0.95),
            bank.upper(60, bank.reserve(0.9)),
          ]) {
            expect(Number.isFinite(value)).toBe(true);
            expect(value).toBeGreaterThanOrEqual(0);
          }
        });
      }),
      { numRuns: 60 },
    );
  });
});
