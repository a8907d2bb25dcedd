import { describe, expect, it } from "vitest";
import { type PressureInput, PressureIntegrators } from "../../planner/core/pressure.ts";
import { SeasonWatch } from "../../planner/core/season-watch.ts";

const calm: PressureInput = {
  dtS: 5,
  weight: 1,
  ttftMissShare: 0,
  itlMissShare: 0,
  prefillShort: false,
  decodeShort: false,
  periodS: null,
};

function fed(pressure: PressureIntegrators, input: Partial<PressureInput>, seconds: number) {
  for (let s = 0; s < seconds; s += 5) pressure.update({ ...calm, ...input });
  return { ...pressure.levels };
}

describe("SLA pressure", () => {
  it("rests where as much is missed as may: less over a whole round of a period than under load that goes on and on", () => {
    const rest = (periodS: number | null, ttftMissShare: number, itlMissShare: number) => {
      const pressure = new PressureIntegrators();
      const before = fed(pressure, { periodS, ttftMissShare, itlMissShare }, 5);
      const after = fed(pressure, { periodS, ttftMissShare, itlMissShare }, 1200);
      return [after.queue - before.queue, after.batch - before.batch];
    };
    expect(rest(null, 0.009, 0.0004)[0]).toBeCloseTo(0, 9);
    expect(rest(null, 0, 0.0025)[1]).toBeCloseTo(0, 9);
    for (const change of rest(600, 0.007, 0.002)) expect(change).toBeCloseTo(0, 9);
    const [queue, batch] = rest(600, 0.0105, 0.003);
    expect(queue).toBeGreaterThan(0.2);
    expect(batch).toBeCloseTo((0.5 * 1200) / 3600, 9);
  });

  it("makes up with queues for what is missed elsewhere, as far as they can", () => {
    const change = (of: Partial<PressureInput>, share: number) => {
      const pressure = new PressureIntegrators();
      const before = fed(pressure, of, 4 * 3600).queue;
      return fed(pressure, { ...of, prefillShort: false, ttftMissShare: share }, 60).queue - before;
    };
    // 0.3 % miss ITL: of 0.95 % that may miss in all, 0.65 % remain.
    const slow = { itlMissShare: 0.003, ttftMissShare: 0.0065 };
    expect(change(slow, 0.008)).toBeGreaterThan(0.002);
    expect(change(slow, 0.005)).toBeLessThan(-0.002);
    // So with what is late while workers are short.
    const short = { prefillShort: true, ttftMissShare: 0.003 };
    expect(change(short, 0.008)).toBeGreaterThan(0.002);
    // No less than 0.5 % is left, ...
    expect(change({ itlMissShare: 0.007, ttftMissShare: 0.0055 }, 0.0051)).toBeGreaterThan(0);
    expect(change({ itlMissShare: 0.007, ttftMissShare: 0.0055 }, 0.0049)).toBeLessThan(0);
    // ... and where the others miss more than may be missed in all, that is in vain.
    expect(change({ itlMissShare: 0.012, ttftMissShare: 0.01 }, 0.0085)).toBeLessThan(0);
  });

  it("stays some way clear of overfull batches, however calm it was", () => {
    const pressure = new PressureIntegrators();
    expect(fed(pressure, {}, 8 * 3600).batch).toBe(0.35);
    expect(fed(pressure, { itlMissShare: 0.005 }, 360).batch).toBeCloseTo(0.45, 9);
    // Where that was many rounds of a period, less so; a long one has shown as little as none.
    const calmRounds = (periodS: number) => fed(new PressureIntegrators(), { periodS }, 8 * 3600).batch;
    expect(calmRounds(600)).toBeCloseTo(0.175, 9);
    expect(calmRounds(60)).toBeCloseTo(0.35 / 6, 9);
    expect(calmRounds(1200)).toBeCloseTo(0.35, 9);
    expect(calmRounds(86_400)).toBeCloseTo(0.35, 9);
  });

  it("learns faster where far more than may is late all the time, for formulas are wrong then", () => {
    const learnt = (share: (s: number) => number) => {
      const pressure = new PressureIntegrators();
      for (let s = 0; s < 600; s += 5) pressure.update({ ...calm, ttftMissShare: share(s) });
      return pressure.levels.queue;
    };
    const now = learnt(() => 0.03);
    // The same mean, but in a minute of four.
    const nowAndThen = learnt((s) => (s % 240 < 60 ? 0.12 : 0));
    expect(nowAndThen).toBeLessThan(1.2);
    expect(now).toBeGreaterThan(1.5);
  });

  it("goes on learning for hours where formulas are far off, while an outage teaches it little above three", () => {
    const hours = (count: number) => fed(new PressureIntegrators(), { ttftMissShare: 0.04 }, 3600 * count).queue;
    expect(hours(1)).toBeGreaterThan(5);
    expect(hours(1)).toBeLessThan(7);
    expect(hours(3)).toBe(12);
    expect(fed(new PressureIntegrators(), { ttftMissShare: 1 }, 600).queue).toBeLessThan(3.6);
    // Misses now and then are no trouble.
    const pressure = new PressureIntegrators();
    for (let s = 0; s < 36_000; s += 5) pressure.update({ ...calm, ttftMissShare: s % 240 < 60 ? 0.12 : 0 });
    expect(pressure.levels.queue).toBeLessThanOrEqual(3);
  });

  it("does not hold what was missed before a period was known against forecasts of it, and keeps it for others", () => {
    const pressure = new PressureIntegrators();
    const lost = fed(pressure, { ttftMissShare: 0.5, prefillShort: true }, 600);
    fed(pressure, { ttftMissShare: 0.1, itlMissShare: 0.05 }, 300);
    expect(lost.forecast).toBe(1);
    expect(pressure.levels.queue).toBeGreaterThan(1);
    const known = fed(pressure, { periodS: 600 }, 5);
    expect(known.forecast).toBeLessThanOrEqual(0.3);
    expect(known.queue).toBeLessThanOrEqual(0.65);
    expect(known.batch).toBeLessThanOrEqual(0.55);
    // Once: what is missed from then on counts.
    expect(fed(pressure, { periodS: 600, ttftMissShare: 0.1 }, 300).queue).toBeGreaterThan(1);
    expect(fed(pressure, { periodS: null }, 5).forecast).toBeGreaterThan(0.95);
  });

  it("learns within rounds of a period, in no less than ten minutes and no more than an hour", () => {
    const learnt = (periodS: number | null) => {
      const pressure = new PressureIntegrators();
      const before = fed(pressure, { periodS }, 5);
      return before.queue - fed(pressure, { periodS }, 100).queue;
    };
    expect(learnt(60)).toBeCloseTo(100 / 600, 9);
    expect(learnt(400)).toBeCloseTo(100 / 1200, 9);
    expect(learnt(86_400)).toBeCloseTo(learnt(null), 9);
  });

  it("lets the margin of batches fall as slowly as ever, for calm rounds show little of the next one", () => {
    const pressure = new PressureIntegrators();
    const before = fed(pressure, { periodS: 240 }, 5);
    expect(before.batch - fed(pressure, { periodS: 240 }, 360).batch).toBeCloseTo(0.1, 9);
  });
});

describe("seasons", () => {
  it("last from when forecasts come from a period until they clearly don't, by the shortest that was believed in", () => {
    const watch = new SeasonWatch();
    watch.update(5, 0.4, 600);
    expect(watch.season).toBeNull();
    watch.update(10, 0.6, 600);
    watch.update(15, 0.4, 300);
    watch.update(20, 0.9, 700);
    expect(watch.season).toEqual({ sinceS: 10, periodS: 300 });
    watch.update(25, 0.2, 300);
    expect(watch.season).toBeNull();
    watch.update(30, 0.4, 300);
    expect(watch.season).toBeNull();
    watch.update(35, 1, null);
    expect(watch.season).toBeNull();
  });
});
