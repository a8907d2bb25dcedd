import { describe, expect, it, vi } from "vitest";
import { ForecastBank } from "#planner/predictors";
import { HindsightWatch } from "../../planner/core/hindsight/hindsight-watch.ts";
import { type Hindsight, type HindsightInput, RoleHindsight } from "../../planner/core/hindsight/role-hindsight.ts";
import { type LastingCapacity, lastingCapacity } from "../../planner/core/lasting-capacity.ts";
import { RequestShapes } from "../../planner/core/request-shapes.ts";
import { SeasonWatch } from "../../planner/core/season-watch.ts";
import { active, disagg, observation, testSurface } from "./observations.ts";

/** Workers that carry a request a second each, and none more. */
const sharp: LastingCapacity = { workerSeconds: 1, missShare: (workers, rate) => (rate > workers ? 1 : 0) };

/** A tick of 5 s at so many requests a second, none late. */
function tick(nowMs: number, rate: number, more: Partial<HindsightInput> = {}): HindsightInput {
  return {
    nowMs,
    dtS: 5,
    rate,
    recentRate: rate,
    longerRate: rate,
    lastingRate: rate,
    forecastRate: rate,
    capacity: () => sharp,
    profiledSeconds: 1,
    corrections: { prefill: 1, decode: 1 },
    isClumped: false,
    goal: 0.01,
    active: 6,
    judged: 5 * rate,
    missed: 0,
    needUp: Math.ceil(rate),
    needDown: Math.ceil(rate),
    load: { upperRate: rate, forecast: rate, arrivals: { rate, seconds: 5 }, seasonalShare: 0, count: null },
    season: null,
    burstiness: 0,
    ...more,
  };
}

/** What is said after each tick of 5 s until `untilS`. */
function played(
  role: RoleHindsight,
  untilS: number,
  input: (atS: number) => HindsightInput,
  fromS = 0,
): (Hindsight | null)[] {
  const said = [];
  for (let s = fromS + 5; s <= untilS; s += 5) said.push(role.update(input(s)));
  return said;
}

/** 1.5 requests/s, of every five minutes one at 5.5. */
const jumping = (s: number) => (s % 300 >= 240 ? 5.5 : 1.5);

describe("hindsight of a role", () => {
  it("says nothing for five minutes, then which size would have done", () => {
    const said = played(new RoleHindsight(0, 5000), 600, (s) => tick(s * 1000, jumping(s)));
    expect(said.slice(0, 59).every((each) => each === null)).toBe(true);
    expect(said.slice(60).every((each) => each !== null)).toBe(true);
    expect(said.at(-1)).toMatchObject({ fixed: 6, enough: 6, followedLost: 0, holds: false });
    // The plan held 2 workers in four minutes of five.
    expect(said.at(-1)!.followedRatio).toBeGreaterThan(1.5);
  });

  it("holds a size once that has been better for a minute, and no longer once it is not", () => {
    const role = new RoleHindsight(60_000, 5000);
    const said = played(role, 900, (s) => tick(s * 1000, jumping(s)));
    const first = said.findIndex((each) => each?.holds);
    // Plans whose workers take a minute to start are late for each jump.
    expect(said.at(-1)!.followedLost).toBeGreaterThan(0.2);
    expect(first).toBe(59 + 60 / 5);
    expect(said.slice(first).every((each) => each!.holds)).toBe(true);
    // Six workers are too many once jumps have faded, and forecasts are right.
    const steady = played(role, 20_000, (s) => tick(s * 1000, 1.5), 900);
    expect(steady.at(-1)).toMatchObject({ fixed: 2, holds: false });
  });

  it("judges a period's forecasts, on the part of a round that they have met, by the size that would be held in their stead", () => {
    const role = new RoleHindsight(0, 5000);
    const wave = (s: number) => (s % 600 < 300 ? 5.5 : 1.5);
    const followed = (s: number, season: HindsightInput["season"]) =>
      tick(s * 1000, wave(s), { needUp: Math.ceil(wave(s)) + 1, needDown: Math.ceil(wave(s)) + 1, season });
    played(role, 1500, (s) => followed(s, null));
    // Only quiet hours since: the plan holds three where two had been enough, but what would be held is six.
    const said = played(role, 1790, (s) => followed(s, { sinceS: 1400, periodS: 600 }), 1500);
    expect(said.at(-1)).toMatchObject({ fixed: 6, holds: false });
    expect(said.at(-1)!.followedRatio).toBeCloseTo(2, 1);
    expect(said.some((each) => each!.holds)).toBe(false);
  });

  it("has no size to tell where none keeps the SLA, and learns nothing of such a time", () => {
    const role = new RoleHindsight(0, 5000);
    expect(played(role, 600, (s) => tick(s * 1000, 2, { capacity: () => null }))).toEqual(Array(120).fill(null));
    const known = played(role, 1200, (s) => tick(s * 1000, 2), 600);
    expect(known.at(-1)).toMatchObject({ fixed: 2, enough: 2 });
  });

  it("calls for more workers than the size where forecasts leave what has been seen", () => {
    const role = new RoleHindsight(0, 5000);
    played(role, 600, (s) => tick(s * 1000, 2));
    const ahead = tick(605_000, 2, { forecastRate: 2.4, needUp: 4 });
    expect(role.update(ahead)).toMatchObject({ fixed: 2, enough: 4 });
    // Right after a jump forecasts overshoot: history's own size for the load is believed, no more.
    expect(role.update({ ...ahead, nowMs: 610_000, longerRate: 1.4 })).toMatchObject({ fixed: 2, enough: 3 });
  });

  it("holds no size for an hour after misses that go on all the same", () => {
    const role = new RoleHindsight(60_000, 5000);
    const said = played(role, 900, (s) => tick(s * 1000, jumping(s)));
    expect(said.at(-1)!.holds).toBe(true);
    const troubled = played(role, 1500, (s) => tick(s * 1000, jumping(s), { missed: jumping(s) }), 900);
    expect(troubled.at(-1)!.holds).toBe(false);
    const later = played(role, 5000, (s) => tick(s * 1000, jumping(s)), 1500);
    expect(later.some((each) => each!.holds)).toBe(false);
    const muchLater = played(role, 9000, (s) => tick(s * 1000, jumping(s)), 5000);
    expect(muchLater.at(-1)!.holds).toBe(true);
  });

  it("holds no size where the load has been the same all the time, whatever is thought of engines", () => {
    const held = (rate: (s: number) => number) => {
      const role = new RoleHindsight(0, 5000);
      // Twice the workers that are needed, for no reason that history knows.
      return played(role, 900, (s) => tick(s * 1000, rate(s), { needUp: 40, needDown: 40 })).at(-1)!;
    };
    const noise = (s: number) => 20 + 4 * Math.sin(s);
    expect(held(noise)).toMatchObject({ holds: false });
    expect(held(noise).followedRatio).toBeLessThan(0.7);
    expect(held((s) => (s > 500 && s < 560 ? 32 : noise(s)))).toMatchObject({ holds: true });
    expect(held((s) => (s > 500 && s < 560 ? 8 : noise(s)))).toMatchObject({ holds: true });
  });

  it("holds one where requests come clumped, and begins anew to compare misses with what formulas say that know of it", () => {
    const role = new RoleHindsight(0, 5000);
    const missed = { capacity: () => ({ workerSeconds: 1, missShare: () => 0.002 }), judged: 100, missed: 1.9 };
    const before = played(role, 900, (s) => tick(s * 1000, 20, { needUp: 40, needDown: 40, ...missed })).at(-1)!;
    expect(before).toMatchObject({ holds: false });
    expect(before.bias).toBeGreaterThan(5);
    const clumped = { needUp: 40, needDown: 40, active: 40, isClumped: true };
    const said = played(role, 1800, (s) => tick(s * 1000, 20, clumped), 900);
    expect(said[0]!.bias).toBe(1);
    expect(said.at(-1)).toMatchObject({ holds: true });
    // Formulas have the clumps: what the last seconds show of them is not expected to miss once more.
    const expected = (isClumped: boolean) => {
      const own = new RoleHindsight(0, 5000);
      const capacity = () => ({ workerSeconds: 1, missShare: (_: number, rate: number) => (rate > 20 ? 0.04 : 0.01) });
      return played(own, 600, (s) =>
        tick(s * 1000, 20, { capacity, isClumped, recentRate: 25, active: 40, judged: 100, missed: 1 }),
      ).at(-1)!.bias;
    };
    expect(expected(true)).toBe(1);
    expect(expected(false)).toBeLessThan(0.7);
  });

  it("takes what is learnt of engines for true of all that was seen", () => {
    const role = new RoleHindsight(0, 5000);
    const slow = (decode: number): Partial<HindsightInput> => ({
      corrections: { prefill: 1, decode },
      capacity: (by) => ({
        workerSeconds: by.decode,
        missShare: (workers, rate) => (rate * by.decode > workers ? 1 : 0),
      }),
    });
    // For ten minutes they seem to be four times as slow as profiled, and are given workers for it.
    played(role, 600, (s) => tick(s * 1000, 1.9, { ...slow(4), needUp: 8, needDown: 8, active: 8 }));
    const said = played(role, 2400, (s) => tick(s * 1000, 1.9, slow(1)), 600);
    expect(said[0]).toMatchObject({ fixed: 8, holds: false });
    expect(said.at(-1)).toMatchObject({ fixed: 2, enough: 2, followedLost: 0, holds: false });
    expect(said.at(-1)!.followedRatio).toBeCloseTo(1, 1);
  });

  it("forgets what it learnt of engines while they were short, once they are not", () => {
    const role = new RoleHindsight(0, 5000);
    const by = (decode: number, missed: number): Partial<HindsightInput> => ({
      corrections: { prefill: 1, decode },
      active: 3,
      needUp: Math.ceil(1.9 * decode),
      needDown: Math.ceil(1.9 * decode),
      missed,
      capacity: ({ decode: slowness }) => ({
        workerSeconds: slowness,
        missShare: (workers, rate) => (rate * slowness > workers ? 1 : 0),
      }),
    });
    played(role, 60, (s) => tick(s * 1000, 1.9, by(9, 10)));
    const said = played(role, 400, (s) => tick(s * 1000, 1.9, by(1, 0)), 60);
    expect(said.at(-1)).toMatchObject({ fixed: 2, followedLost: 0 });
  });

  it("starts anew where requests become others", () => {
    const role = new RoleHindsight(0, 5000);
    const said = played(role, 900, (s) => tick(s * 1000, 1.9));
    expect(said.at(-1)).toMatchObject({ fixed: 2 });
    const long: LastingCapacity = { workerSeconds: 3, missShare: (workers, rate) => (rate * 3 > workers ? 1 : 0) };
    const others = { capacity: () => long, profiledSeconds: 3, needUp: 6, needDown: 6 };
    const after = played(role, 1500, (s) => tick(s * 1000, 1.9, others), 900);
    expect(after.indexOf(null) * 5).toBe(55);
    expect(after.lastIndexOf(null) * 5).toBe(55 + 295);
    expect(after.at(-1)).toMatchObject({ fixed: 6, followedLost: 0 });
  });

  it("lets the followed plan wait anew where data was missing", () => {
    const held = (isMissing: boolean) => {
      const role = new RoleHindsight(0, 400_000);
      const said = played(role, 200, (s) => tick(s * 1000, 2));
      if (isMissing) role.forgetLower();
      return [...said, ...played(role, 500, (s) => tick(s * 1000, 2), 200)].at(-1)!.followedRatio;
    };
    // Six workers until 405 s and two from then on, or six all the time.
    expect(held(false)).toBeGreaterThan(1.05 * held(true));
  });
});

describe("hindsight of all roles", () => {
  const surface = testSurface();

  function watched(context = disagg, slaTtftMs = disagg.sla.ttftMs) {
    const own = { ...context, sla: { ...context.sla, ttftMs: slaTtftMs } };
    const shapes = new RequestShapes(surface, own);
    const bank = new ForecastBank({ horizonS: 5, tickS: 5 });
    const watch = new HindsightWatch(own, surface, shapes, bank, new SeasonWatch(), 5000);
    let said: Record<"prefill" | "decode", Hindsight | null> = { prefill: null, decode: null };
    for (let s = 5; s <= 600; s += 5) {
      const seen = observation(s * 1000, 14, { workers: { prefill: active(3), decode: active(2) } });
      shapes.update(seen, 14, 5);
      bank.observe(s, 5, 14);
      const arrivals = { rate: 14, seconds: 5 };
      const load = { upperRate: 14, forecast: 14, arrivals, seasonalShare: 0, count: null };
      const of = (role: "prefill" | "decode", need: number) =>
        watch.update(role, { observation: seen, arrivals, needUp: need, needDown: need, load });
      said = { prefill: of("prefill", 3), decode: of("decode", 2) };
    }
    return { said, shapes, context: own };
  }

  it("goes by the formulas of each role", () => {
    const { said, shapes, context } = watched();
    for (const role of ["prefill", "decode"] as const) {
      const { missShare } = lastingCapacity(role, shapes, surface, context, { prefill: 1, decode: 1 })!;
      const { fixed, bias } = said[role]!;
      expect(bias * missShare(fixed, 14)).toBeLessThan(0.0115);
      if (fixed > 1) expect(bias * missShare(fixed - 1, 14)).toBeGreaterThan(0.003);
    }
    expect([said.prefill!.fixed, said.decode!.fixed]).toEqual([3, 1]);
  });

  it("lets answers miss what prompts leave of all that may, up to twice their own share", () => {
    const goals = { prefill: 0, decode: 0 };
    const spied = vi.spyOn(RoleHindsight.prototype, "update").mockImplementation(function (this: RoleHindsight, input) {
      goals[input.judged === 60 ? "prefill" : "decode"] = input.goal;
      return null;
    });
    const missed = { prefill: 0, decode: 0 };
    const bank = new ForecastBank({ horizonS: 5, tickS: 5 });
    const shapes = new RequestShapes(surface, disagg);
    const roles: RoleHindsight[] = [];
    const shares = vi.spyOn(RoleHindsight.prototype, "fixedMissed", "get").mockImplementation(function (
      this: RoleHindsight,
    ) {
      if (!roles.includes(this)) roles.push(this);
      // The first that is asked for is decode, for the share of prefill.
      return missed[roles.indexOf(this) === 0 ? "decode" : "prefill"];
    });
    try {
      const watch = new HindsightWatch(disagg, surface, shapes, bank, new SeasonWatch(), 5000);
      const seen = observation(5000, 14, { ttftJudged: 60, ttftMet: 60, itlJudged: 70, itlMet: 70 });
      shapes.update(seen, 14, 5);
      bank.observe(5, 5, 14);
      const arrivals = { rate: 14, seconds: 5 };
      const load = { upperRate: 14, forecast: 14, arrivals, seasonalShare: 0, count: null };
      const goalsAt = (prefill: number, decode: number) => {
        Object.assign(missed, { prefill, decode });
        for (const role of ["prefill", "decode"] as const)
          watch.update(role, { observation: seen, arrivals, needUp: 3, needDown: 3, load });
        return [goals.prefill, goals.decode].map((goal) => Math.round(1e5 * goal));
      };
      expect(goalsAt(0, 0)).toEqual([1150, 600]);
      expect(goalsAt(0.007, 0.001)).toEqual([1050, 450]);
      expect(goalsAt(0.01, 0.006)).toEqual([850, 300]);
    } finally {
      spied.mockRestore();
      shares.mockRestore();
    }
  });

  it("reckons prompts as if decode workers kept their SLA, which no size of the other role can mend", () => {
    const missed = (itlMs: number) => {
      const shapes = new RequestShapes(surface, disagg);
      const decodeLoad = [{ workerId: 0, batch: 100, kvTokens: 315_000, itlMs }];
      for (let s = 5; s <= 300; s += 5) shapes.update(observation(s * 1000, 14, { decodeLoad }), 14, 5);
      return lastingCapacity("prefill", shapes, surface, disagg, { prefill: 1, decode: 1 })!.missShare(3, 24);
    };
    expect(missed(60)).toBe(missed(disagg.sla.itlMs));
    expect(missed(5)).toBeLessThan(0.9 * missed(disagg.sla.itlMs));
  });

  it("says nothing of prompts that no number of workers computes in time, and all the same of decoding", () => {
    const { said, shapes, context } = watched(disagg, 50);
    expect(said.prefill).toBeNull();
    expect(said.decode!.fixed).toBe(1);
    const corrections = { prefill: 1, decode: 1 };
    expect(lastingCapacity("prefill", shapes, surface, context, corrections)).toBeNull();
    // Aggregated workers have the prompts, too.
    expect(lastingCapacity("decode", shapes, surface, { ...context, mode: "agg" }, corrections)).toBeNull();
  });

  it("says nothing of ranks with batches of their own", () => {
    expect(watched({ ...disagg, ranksPerWorker: { prefill: 1, decode: 2 } }).said).toEqual({
      prefill: null,
      decode: null,
    });
  });
});
