import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  buildWorkload,
  type ClosedEntry,
  type Content,
  type Distribution,
  mergeWorkloads,
  type OpenEntry,
  summarizeWorkload,
  type TrafficEntry,
  type Workload,
} from "#scenarios";

const fixed = (value: number): Distribution => ({ kind: "fixed", value });
const plain: Content = {
  patterns: [{ share: null, isl: fixed(1000), osl: fixed(100) }],
  sessions: null,
  prefix: null,
  blockTokens: 64,
};

function open(content: Partial<Content>, rate = 20, durationMs = 600_000): OpenEntry {
  return {
    kind: "open",
    startMs: 0,
    durationMs,
    rate: { kind: "constant", rate },
    arrivals: { kind: "constant" },
    content: { ...plain, ...content },
  };
}

const build = (...traffic: TrafficEntry[]) => buildWorkload(traffic, { seed: 5 });
const mean = (values: ArrayLike<number>) => Array.from(values).reduce((a, b) => a + b, 0) / values.length;
const deviation = (values: ArrayLike<number>) => {
  const m = mean(values);
  return Math.sqrt(mean(Array.from(values, (v) => (v - m) ** 2)));
};

describe("lengths", () => {
  const lengths = (isl: Distribution) => build(open({ patterns: [{ share: null, isl, osl: fixed(1) }] })).isl;

  it("lognormal keep the mean, and their logarithm has the deviation asked for", () => {
    const isl = lengths({ kind: "lognormal", mean: 3000, sigma: 0.3 });
    // 12,000 draws: standard error 0.3 / √12000 ≈ 0.3 %.
    expect(mean(isl) / 3000).toBeGreaterThan(0.988);
    expect(mean(isl) / 3000).toBeLessThan(1.012);
    expect(deviation(Float64Array.from(isl, Math.log))).toBeCloseTo(0.3, 1);
  });

  it("normal have mean and deviation, and never fall below one token", () => {
    const isl = lengths({ kind: "normal", mean: 500, deviation: 50 });
    expect(Math.abs(mean(isl) - 500)).toBeLessThan(2.5);
    expect(Math.abs(deviation(isl) - 50)).toBeLessThan(2);
    expect(Math.min(...lengths({ kind: "normal", mean: 2, deviation: 50 }))).toBe(1);
  });

  it("uniform take every whole number of the range about as often", () => {
    const isl = lengths({ kind: "uniform", min: 3, max: 6 });
    for (const value of [3, 4, 5, 6]) {
      const count = isl.filter((length) => length === value).length;
      expect(Math.abs(count - 3000)).toBeLessThan(4.5 * Math.sqrt(12_000 * 0.25 * 0.75));
    }
    expect(isl.filter((length) => length < 3 || length > 6)).toHaveLength(0);
  });

  it("of a list follow each other", () => {
    expect([...lengths({ kind: "list", values: [5, 7, 9] })].slice(0, 7)).toEqual([5, 7, 9, 5, 7, 9, 5]);
  });

  it("of a mixture come by weight", () => {
    const isl = lengths({
      kind: "mixture",
      parts: [
        { weight: 3, of: fixed(10) },
        { weight: 1, of: fixed(20) },
      ],
    });
    const share = isl.filter((length) => length === 10).length / isl.length;
    expect(Math.abs(share - 0.75)).toBeLessThan(0.02);
  });

  it("draw from a stream of their own: other answers leave prompts and arrivals as they were", () => {
    const isl: Distribution = { kind: "lognormal", mean: 100, sigma: 1 };
    const short = build({
      ...open({ patterns: [{ share: null, isl, osl: fixed(1) }] }),
      arrivals: { kind: "poisson" },
    });
    const osl: Distribution = { kind: "uniform", min: 5, max: 500 };
    const long = build({ ...open({ patterns: [{ share: null, isl, osl }] }), arrivals: { kind: "poisson" } });
    expect(long.isl).toEqual(short.isl);
    expect(long.arrivalMs).toEqual(short.arrivalMs);
  });
});

describe("patterns", () => {
  it("swing: the first kind's share follows its sinusoid", () => {
    const workload = build(
      open({
        patterns: [
          { share: { min: 0.2, max: 0.8, periodMs: 600_000 }, isl: fixed(100), osl: fixed(2000) },
          { share: null, isl: fixed(5000), osl: fixed(100) },
        ],
      }),
    );
    const shareIn = (fromMs: number, toMs: number) => {
      const inside = [...workload.isl].filter(
        (_, i) => workload.arrivalMs[i]! >= fromMs && workload.arrivalMs[i]! < toMs,
      );
      return inside.filter((isl) => isl === 100).length / inside.length;
    };
    // Mean of the sinusoid over a tenth of the period around its minimum and maximum: 0.5 ∓ 0.3·sinc(0.1).
    const swing = (0.3 * Math.sin(0.1 * Math.PI)) / (0.1 * Math.PI);
    const ends = (shareIn(0, 30_000) + shareIn(570_000, 600_000)) / 2;
    expect(Math.abs(ends - (0.5 - swing))).toBeLessThan(0.06);
    expect(Math.abs(shareIn(270_000, 330_000) - (0.5 + swing))).toBeLessThan(0.06);
    expect([...workload.isl].every((isl, i) => (isl === 100) === (workload.osl[i] === 2000))).toBe(true);
  });
});

const sessions = (history: "grow" | "none", turns: Distribution = fixed(3)): Content["sessions"] => ({
  turns,
  thinkMs: { kind: "exponential", mean: 500 },
  history,
  maxIsl: null,
});

/** Leading block ids that two prompts have in common. */
function sharedBlocks(workload: Workload, a: number, b: number): number {
  const ids = (request: number) =>
    workload.prompts!.ids.subarray(...workload.prompts!.offset.subarray(request, request + 2));
  let count = 0;
  while (count < ids(a).length && ids(a)[count] === ids(b)[count]) count++;
  return count;
}

describe("sessions", () => {
  it("have all their turns linked, labelled and paused", () => {
    const workload = build(open({ sessions: sessions("none") }, 2, 60_000));
    expect(workload.count).toBe(360);
    expect(workload.openHeads).toHaveLength(120);
    for (const head of workload.openHeads) {
      const turns = [head, workload.nextTurn![head]!, workload.nextTurn![workload.nextTurn![head]!]!];
      expect(turns.map((turn) => workload.turnIndex![turn])).toEqual([0, 1, 2]);
      expect(new Set(turns.map((turn) => workload.sessionIds![turn])).size).toBe(1);
      expect(workload.nextTurn![turns[2]!]).toBe(-1);
      expect(turns.map((turn) => Number.isNaN(workload.arrivalMs[turn]!))).toEqual([false, true, true]);
      expect(workload.thinkMs![head]).toBe(0);
    }
    expect(new Set(workload.sessionIds).size).toBe(120);
    const pauses = workload.thinkMs!.filter((_, i) => workload.turnIndex![i]! > 0);
    expect(Math.abs(mean(pauses) / 500 - 1)).toBeLessThan(0.3);
  });

  it("grow: a prompt holds the conversation so far, and shares its blocks with the turns before", () => {
    const workload = build(open({ sessions: sessions("grow") }, 2, 60_000));
    for (const head of workload.openHeads) {
      const second = workload.nextTurn![head]!;
      const third = workload.nextTurn![second]!;
      expect([head, second, third].map((turn) => workload.isl[turn])).toEqual([1000, 2100, 3200]);
      expect(sharedBlocks(workload, second, head)).toBe(Math.ceil(1000 / 64));
      expect(sharedBlocks(workload, third, second)).toBe(Math.ceil(2100 / 64));
    }
    expect(sharedBlocks(workload, 0, 3)).toBe(0);
  });

  it("end before a prompt would get too long", () => {
    const content = { sessions: { ...sessions("grow", fixed(9))!, maxIsl: 2500 } };
    const workload = build(open(content, 2, 10_000));
    expect(Math.max(...workload.turnIndex!)).toBe(1);
    expect(Math.max(...workload.isl)).toBe(2100);
  });

  it("have as many turns as drawn", () => {
    const workload = build(open({ sessions: sessions("none", { kind: "uniform", min: 1, max: 5 }) }));
    expect(Math.abs(workload.count / workload.openHeads.length - 3)).toBeLessThan(0.1);
  });
});

describe("shared prefixes", () => {
  it("of groups: prompts of one group begin alike, and groups are about as large", () => {
    const workload = build(open({ prefix: { kind: "groups", groups: 4, tokens: 640 } }));
    const { prompts } = workload;
    const firsts = Array.from({ length: workload.count }, (_, i) => prompts!.ids[prompts!.offset[i]!]!);
    const groups = [...new Set(firsts)];
    expect(groups).toHaveLength(4);
    for (const group of groups) {
      const members = firsts.flatMap((first, i) => (first === group ? [i] : []));
      expect(Math.abs(members.length - 3000)).toBeLessThan(250);
      expect(sharedBlocks(workload, members[0]!, members[1]!)).toBe(10);
    }
    const different = firsts.findIndex((first) => first !== firsts[0]);
    expect(sharedBlocks(workload, 0, different)).toBe(0);
  });

  it("by ratio: that share of a prompt's blocks, rounded", () => {
    const workload = build(open({ prefix: { kind: "ratio", groups: 1, ratio: 0.5 } }));
    expect(sharedBlocks(workload, 0, 1)).toBe(Math.round(Math.ceil(1000 / 64) * 0.5));
  });

  it("from a small pool: prompts agree exactly as far as their draws do", () => {
    const workload = build(open({ prefix: { kind: "pool", blocks: 2 }, blockTokens: 500 }));
    // Two blocks from a pool of two: two first blocks, and two continuations of each.
    expect(summarizeWorkload(workload).distinctBlocks).toBe(6);
    const pairs = Array.from({ length: 200 }, (_, i) => sharedBlocks(workload, 2 * i, 2 * i + 1));
    const count = (blocks: number) => pairs.filter((shared) => shared === blocks).length;
    expect(count(0)).toBeGreaterThan(60);
    expect(count(1)).toBeGreaterThan(20);
    expect(count(2)).toBeGreaterThan(20);
  });
});

describe("closed loops", () => {
  const loop = (more: Partial<ClosedEntry>): ClosedEntry => ({
    kind: "closed",
    startMs: 0,
    durationMs: null,
    requests: null,
    concurrency: 8,
    content: plain,
    ...more,
  });

  it("of a count hold that many sessions and never end by time", () => {
    const workload = build(loop({ requests: 50, content: { ...plain, sessions: sessions("none") } }));
    expect(workload.count).toBe(150);
    expect(workload.openHeads).toHaveLength(0);
    expect(workload.closedLoops).toMatchObject([{ concurrency: 8, startMs: 0, endMs: Number.POSITIVE_INFINITY }]);
    expect(workload.closedLoops[0]!.heads).toHaveLength(50);
    expect(workload.arrivalMs.every((t) => Number.isNaN(t))).toBe(true);
  });

  it("of a time hold more sessions than an engine at a token a millisecond can answer", () => {
    const workload = build(loop({ durationMs: 60_000, startMs: 5000 }));
    expect(workload.closedLoops).toMatchObject([{ startMs: 5000, endMs: 65_000 }]);
    expect(workload.count).toBeGreaterThan(8 * 600);
    expect(workload.horizonMs).toBe(65_000);
  });

  it("that end by count alone cannot be followed", () => {
    const sequence = { kind: "sequence" as const, startMs: 0, entries: [loop({ requests: 5 }), open({})] };
    expect(() => build(sequence)).toThrow(/cannot be followed/);
    expect(build({ ...sequence, entries: [open({}), loop({ requests: 5 })] }).closedLoops[0]!.startMs).toBe(600_000);
  });
});

describe("several entries", () => {
  it("overlay: arrivals interleave by time, ties in the order of the entries", () => {
    const workload = build(open({}, 1, 3000), { ...open({}, 2, 3000), startMs: 500 });
    const times = [...workload.openHeads].map((head) => workload.arrivalMs[head]!);
    expect(times).toEqual([0, 500, 1000, 1000, 1500, 2000, 2000, 2500, 3000]);
    expect([...workload.openHeads]).toEqual([0, 3, 1, 4, 5, 2, 6, 7, 8]);
    expect(workload.horizonMs).toBe(3500);
  });

  it("in a sequence follow each other, with pauses where asked", () => {
    const entries = [open({}, 1, 2000), { ...open({}, 1, 2000), startMs: 5000 }];
    const workload = build({ kind: "sequence", startMs: 100, entries });
    expect([...workload.arrivalMs]).toEqual([100, 1100, 7100, 8100]);
    expect(workload.horizonMs).toBe(9100);
  });

  it("share no prompt content, whatever their block sizes", () => {
    const prefix = { kind: "groups" as const, groups: 1, tokens: 768 };
    const workload = build(open({ prefix, blockTokens: 64 }, 1, 2000), open({ prefix, blockTokens: 96 }, 1, 2000));
    expect(workload.prompts!.blockTokens).toBe(32);
    expect(sharedBlocks(workload, 0, 1)).toBe(24);
    expect(sharedBlocks(workload, 2, 3)).toBe(24);
    expect(sharedBlocks(workload, 0, 2)).toBe(0);
  });

  it("may be appended without changing those before", () => {
    const first = { ...open({}), arrivals: { kind: "poisson" as const } };
    const alone = build(first);
    const both = build(first, { ...open({}), arrivals: { kind: "poisson" } });
    expect(both.arrivalMs.slice(0, alone.count)).toEqual(alone.arrivalMs);
    expect(both.arrivalMs.slice(alone.count)).not.toEqual(alone.arrivalMs);
  });

  it("keep every request, link and loop when merged", () => {
    const part = fc.record({
      startMs: fc.nat(5000),
      turns: fc.integer({ min: 1, max: 3 }),
      closed: fc.boolean(),
      count: fc.integer({ min: 1, max: 6 }),
    });
    fc.assert(
      fc.property(fc.array(part, { minLength: 1, maxLength: 4 }), (list) => {
        const parts = list.map(({ startMs, turns, closed, count }) => {
          const content: Content = { ...plain, sessions: turns > 1 ? sessions("grow", fixed(turns)) : null };
          const entry: TrafficEntry = closed
            ? { kind: "closed", startMs: 0, durationMs: null, requests: count, concurrency: 2, content }
            : { ...open({}, 1, count * 1000), content };
          return { startMs, turns, workload: build(entry) };
        });
        const merged = mergeWorkloads(parts);
        const heads = [...merged.openHeads, ...merged.closedLoops.flatMap((loop) => [...loop.heads])];
        const reached = heads.flatMap((head) => {
          const chain = [];
          for (let turn = head; turn >= 0; turn = merged.nextTurn?.[turn] ?? -1) chain.push(turn);
          return chain;
        });
        expect(reached.toSorted((a, b) => a - b)).toEqual(Array.from({ length: merged.count }, (_, i) => i));
        expect(merged.count).toBe(parts.reduce((sum, { workload }) => sum + workload.count, 0));
      }),
      { numRuns: 100, seed: 3 },
    );
  });
});
