import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { randomStream } from "#common";
import {
  fixedMissShare,
  fixedWorkers,
  followedMissShare,
  followedOverFixed,
} from "../../planner/core/hindsight/fixed-size.ts";
import { FollowedFleet } from "../../planner/core/hindsight/followed-fleet.ts";
import { LoadRecord } from "../../planner/core/hindsight/load-record.ts";
import { ModelBias } from "../../planner/core/hindsight/model-bias.ts";
import { Shortage } from "../../planner/core/hindsight/shortage.ts";

/** All requests miss where they keep more workers busy than there are, none elsewhere. */
const sharp = (workers: number, load: number) => (load > workers ? 1 : 0);

/** Slots of 5 s; loads are workers kept busy, a worker second a request. */
function record(loads: number[], plan: (load: number) => number = () => 0): LoadRecord {
  const made = new LoadRecord();
  loads.forEach((load, i) => {
    const requests = load * 5;
    made.push((i + 1) * 5, {
      seconds: 5,
      requests,
      load,
      active: plan(load),
      held: plan(load),
    });
  });
  return made;
}

describe("fixed sizes in hindsight", () => {
  it("are the fewest workers that would have let miss no more than the share", () => {
    const loads = record([...new Array<number>(99).fill(1.5), 6.5]).summary(500);
    const missShare = fixedMissShare(loads, sharp);
    expect(fixedWorkers(missShare, 0)).toBe(7);
    expect(fixedWorkers(missShare, 0.05)).toBe(2);
    expect(missShare(2)).toBeCloseTo(6.5 / (6.5 + 99 * 1.5), 2);
  });

  it("fall with the share that may miss, for any loads", () => {
    const positive = fc.double({ min: 0.01, max: 500, noNaN: true });
    fc.assert(
      fc.property(fc.array(positive, { minLength: 1, maxLength: 50 }), (loads) => {
        const summary = record(loads).summary(loads.length * 5);
        const sizes = [0, 0.01, 0.1, 0.5].map((share) => fixedWorkers(fixedMissShare(summary, sharp), share));
        expect(sizes).toEqual([...sizes].sort((a, b) => b - a));
        expect(sizes[0]).toBe(Math.max(1, Math.ceil(Math.max(...summary.bins.map(({ load }) => load)))));
      }),
    );
  });

  it("are compared with a plan at its own attainment: one that misses much competes with small sizes", () => {
    const loads = [...new Array<number>(50).fill(1.5), ...new Array<number>(50).fill(3.5)];
    const compare = (plan: (load: number) => number, least = 1) => {
      const summary = record(loads, plan).summary(500);
      return followedOverFixed(
        fixedMissShare(summary, sharp),
        summary.held,
        followedMissShare(summary, 1, sharp),
        0.01,
        least,
      );
    };
    expect(compare((load) => (load > 2 ? 4 : 2))).toBeCloseTo(4 / 3, 1);
    expect(compare(() => 4)).toBeCloseTo(1, 2);
    expect(compare(() => 4, 6)).toBeCloseTo(6 / 4, 2);
    // Three workers that come too late lose seven requests in ten; two would have served the others, too.
    expect(compare(() => 3)).toBeCloseTo(0.3 / 3 / (0.3 / 2), 2);
  });

  it("and plans are judged by what is known of engines now, whatever was thought of them then", () => {
    // Four workers were held for engines that were thought to be twice as slow as profiled: two of such as are right.
    const made = new LoadRecord();
    for (let s = 5; s <= 500; s += 5)
      made.push(s, { seconds: 5, requests: 7.5, load: 1.5, active: 4 / 2, held: 4 / 2 });
    const summary = made.summary(500);
    expect(summary.held).toBeCloseTo(2, 9);
    expect(followedMissShare(summary, 1, sharp)).toBe(0);
    // Engines are found to be twice as quick: one would have done.
    const quick = (workers: number, load: number) => sharp(workers, load / 2);
    expect(followedMissShare(summary, 0.5, quick)).toBe(0);
    expect(fixedWorkers(fixedMissShare(summary, quick), 0.01)).toBe(1);
    expect(followedMissShare(summary, 0.2, sharp)).toBeCloseTo(1, 9);
  });
});

describe("the record of loads", () => {
  it("lets old loads fade, and keeps a bounded number of them", () => {
    const old = new LoadRecord();
    const slot = (load: number) => ({ seconds: 5, requests: load * 5, load, active: 0, held: 0 });
    old.push(5, slot(8));
    for (let i = 2; i <= 3000; i++) old.push(i * 5, slot(2));
    const top = old.summary(15_000).bins.at(-1)!;
    expect(top.load).toBeCloseTo(8, 5);
    expect(top.requests).toBeLessThan(0.15 * 40);
    for (let i = 3001; i <= 8000; i++) old.push(i * 5, slot(2));
    expect(old.summary(40_000).bins).toHaveLength(1);
  });

  it("is the sum of what it keeps, whatever has come and gone", () => {
    const stream = randomStream(7, "loads");
    const record = new LoadRecord();
    const kept: { atS: number; requests: number; load: number; active: number; held: number }[] = [];
    // Idle for longer than it remembers in between, and for longer than its weights can grow.
    for (let i = 1, atS = 1.7e9; i <= 14_000; i++) {
      atS += i === 9000 ? 900_000 : 5;
      const load = i > 3000 && i < 7200 ? 0 : 0.5 + 20 * stream.next();
      const slot = {
        requests: load * 5,
        load,
        active: 1 + Math.floor(8 * stream.next()),
        held: 9 * stream.next(),
      };
      record.push(atS, { seconds: 5, ...slot });
      kept.push({ atS, ...slot });
      if (i % 700 !== 0) continue;
      const recent = kept.slice(-4096).map((each) => ({ ...each, weight: Math.exp((each.atS - atS) / 7200) }));
      const sum = (of: (each: (typeof recent)[number]) => number) => recent.reduce((all, each) => all + of(each), 0);
      const seconds = sum(({ weight }) => weight * 5);
      const requests = sum((each) => each.weight * each.requests);
      const summary = record.summary(atS);
      expect(summary.requests).toBeCloseTo(requests, 6);
      expect(summary.load).toBeCloseTo(sum((each) => each.weight * 5 * each.load) / seconds, 6);
      expect(summary.held).toBeCloseTo(sum((each) => each.weight * 5 * each.held) / seconds, 6);
      expect(summary.bins.length === 0).toBe(requests === 0);
      for (const cells of [summary.bins, summary.met]) {
        expect(cells.reduce((all, cell) => all + cell.requests, 0)).toBeCloseTo(requests, 6);
        const loads = cells.reduce((all, cell) => all + cell.requests * cell.load, 0);
        expect(loads).toBeCloseTo(
          sum((each) => each.weight * each.requests * each.load),
          5,
        );
      }
      const actives = summary.met.reduce((all, cell) => all + cell.requests * cell.active, 0);
      expect(actives).toBeCloseTo(
        sum((each) => each.weight * each.requests * each.active),
        5,
      );
      expect(record.summary(atS, atS - 1000).requests).toBeCloseTo(
        recent.filter((each) => each.atS >= atS - 1000).reduce((all, each) => all + each.weight * each.requests, 0),
        6,
      );
    }
  });

  it("takes short ticks together, and tells of the time since a moment alone", () => {
    const made = new LoadRecord();
    for (let s = 1; s <= 100; s++) {
      const load = s <= 50 ? 4 : 1;
      made.push(s, { seconds: 1, requests: load, load, active: load, held: 2 });
    }
    expect(made.summary(100).requests).toBeCloseTo(50 * 4 + 50, -1);
    const late = made.summary(100, 51);
    expect(late.bins).toHaveLength(1);
    expect(late.held).toBeCloseTo(2, 5);
    expect(late.met).toEqual([{ active: 1, load: 1, requests: late.requests }]);
  });
});

describe("a plan followed in thought", () => {
  it("has workers once they had time to start, and takes back starting ones first", () => {
    const fleet = new FollowedFleet(1, 30_000);
    fleet.scale(0, 3);
    fleet.ready(29_999);
    expect([fleet.active, fleet.count]).toEqual([1, 3]);
    fleet.scale(29_999, 2);
    fleet.ready(30_000);
    expect([fleet.active, fleet.count]).toEqual([2, 2]);
    fleet.scale(30_000, 1);
    expect([fleet.active, fleet.count]).toEqual([1, 1]);
  });
});

describe("what the formulas get wrong", () => {
  it("is found out from calm time: twice the misses, twice the factor", () => {
    const bias = new ModelBias();
    for (let s = 5; s <= 3600; s += 5) bias.update(s, 5, 0.01, 100, 2);
    expect(bias.factor).toBeGreaterThan(1.8);
    expect(bias.factor).toBeLessThanOrEqual(2);
  });

  it("is not taken from a shortage, nor from what came just before it was seen", () => {
    const bias = new ModelBias();
    for (let s = 5; s <= 600; s += 5) bias.update(s, 5, 0.01, 100, 1);
    const before = bias.factor;
    for (let s = 605; s <= 620; s += 5) bias.update(s, 5, 0.01, 100, 100);
    bias.leaveOut();
    for (let s = 700; s <= 900; s += 5) bias.update(s, 5, 0.01, 100, 1);
    expect(bias.factor).toBeCloseTo(before, 2);
  });

  it("ends a shortage a minute after the last miss of it, or takes it for how things are", () => {
    const shortage = new Shortage();
    expect(shortage.update(0, 0.01, 0.9)).toBe(false);
    expect(shortage.update(5, 0.5, 0)).toBe(true);
    expect(shortage.update(60, 0, 0.9)).toBe(true);
    expect(shortage.update(120, 0, 0)).toBe(true);
    expect(shortage.update(125, 0, 0)).toBe(false);
    for (let s = 200; s < 900; s += 5) shortage.update(s, 0.5, 0.5);
    expect(shortage.update(900, 0.5, 0.5)).toBe(false);
  });

  it("shows where a shortage is foretold for a minute and none is seen", () => {
    const short = (seen: number | null) => {
      const shortage = new Shortage();
      return Array.from({ length: 60 }, (_, i) => shortage.update(5 * i, 0.9, seen)).lastIndexOf(true) * 5;
    };
    // A minute until it is disproved, and one for what might have waited.
    expect(short(0)).toBe(115);
    expect(short(0.9)).toBe(295);
    expect(short(null)).toBe(115);
  });
});
