import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { KvRouter, RouterQueue } from "#mocker/router";
import { DeficitRoundRobin } from "../../../mocker/router/deficit-round-robin.ts";
import {
  busyAbove,
  classOf,
  type PolicyClass,
  type PolicyProfile,
  profileOf,
} from "../../../mocker/router/policies.ts";

const NO_LIMITS = { requests: null, promptTokens: null, cachedTokens: null };
const policyClass = (name: string, more: Partial<PolicyClass> = {}): PolicyClass => ({
  name,
  family: null,
  bucket: null,
  queuePolicy: "fcfs",
  quantum: 100,
  busyTokens: 0,
  busyBudgets: null,
  limits: NO_LIMITS,
  ...more,
});

/** Whose turn it is, until all have gone. @param costs of those that wait in each class, first to last */
function order(quanta: number[], costs: number[][]): number[] {
  const turns = new DeficitRoundRobin(quanta);
  const left = costs.map((line) => [...line]);
  const turnOf = (line: number[]) => ({ cost: line[0] ?? null, isEmpty: line.length === 0 });
  const gone: number[] = [];
  for (let place = turns.next(left.map(turnOf)); place >= 0; place = turns.next(left.map(turnOf))) {
    gone.push(place);
    turns.spend(place, left[place]!.shift()!, turnOf(left[place]!));
  }
  return gone;
}

describe("the deficit round robin", () => {
  it("lets a class go on while it can pay, and credits it once a round", () => {
    // Dynamo's own example: a quantum of 10 pays three requests of 3, then it is the next one's turn.
    expect(order([10, 10], [[3, 3, 3, 3], [3]])).toEqual([0, 0, 0, 1, 0]);
  });

  it("passes as many rounds at once as the first to pay needs", () => {
    // Dynamo's example of two classes: 7000 at 1000 a round, 9000 at 2000; after five rounds the second can pay, and keeps 1000.
    expect(order([1000, 2000], [[7000], [9000]])).toEqual([1, 0]);
    expect(order([1, 1], [[1_000_000_000], [999_999_999]])).toEqual([1, 0]);
  });

  it("credits nobody who may not go, and takes the credit of who has nobody", () => {
    const turns = new DeficitRoundRobin([10, 10]);
    const [blocked, empty] = [
      { cost: null, isEmpty: false },
      { cost: null, isEmpty: true },
    ];
    expect(turns.next([blocked, empty])).toBe(-1);
    expect(turns.next([blocked, { cost: 8, isEmpty: false }])).toBe(1);
    turns.spend(1, 8, { cost: 2, isEmpty: false });
    // The second has 2 left and goes on; afterwards it is the first one's turn, with one quantum.
    expect(
      turns.next([
        { cost: 10, isEmpty: false },
        { cost: 2, isEmpty: false },
      ]),
    ).toBe(1);
    turns.spend(1, 2, { cost: null, isEmpty: false });
    expect(
      turns.next([
        { cost: 11, isEmpty: false },
        { cost: 10, isEmpty: false },
      ]),
    ).toBe(1);
  });

  it("shares tokens by quanta among classes that always have somebody and can pay it in a round, within a round and a request of each", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 300, max: 3000 }), { minLength: 2, maxLength: 4 }),
        fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 40, maxLength: 40 }),
        (quanta, sizes) => {
          const turns = new DeficitRoundRobin(quanta);
          const spent = quanta.map(() => 0);
          const sent = quanta.map(() => 0);
          const costOf = (place: number) => sizes[(sent[place]! * 7 + place) % sizes.length]!;
          const turn = (place: number) => ({ cost: costOf(place), isEmpty: false });
          for (let i = 0; i < 400; i++) {
            const place = turns.next(quanta.map((_, each) => turn(each)));
            const cost = costOf(place);
            spent[place]! += cost;
            sent[place]!++;
            turns.spend(place, cost, turn(place));
          }
          const rounds = spent.map((tokens, place) => tokens / quanta[place]!);
          // Shreedhar and Varghese's bound: a round, and the largest request of either.
          const largest = quanta.map((quantum) => 300 / quantum).sort((a, b) => b - a);
          const slack = 1 + largest[0]! + largest[1]!;
          expect(Math.max(...rounds) - Math.min(...rounds)).toBeLessThanOrEqual(slack);
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe("policy classes", () => {
  const profile: PolicyProfile = {
    defaultFamily: "chat",
    buckets: [
      { minTokens: 0, name: "short" },
      { minTokens: 100, name: "long" },
    ],
    classes: [
      policyClass("direct"),
      policyClass("chat-short", { family: "chat", bucket: "short" }),
      policyClass("chat-long", { family: "chat", bucket: "long" }),
      policyClass("batch-short", { family: "batch", bucket: "short" }),
      policyClass("batch-long", { family: "batch", bucket: "long" }),
    ],
  };

  it.each<[string | undefined, number, string]>([
    [undefined, 99, "chat-short"],
    ["", 100, "chat-long"],
    ["batch", 99, "batch-short"],
    ["batch", 5000, "batch-long"],
    ["direct", 5000, "direct"],
    // The name of a class that belongs to a family is nobody's to choose.
    ["batch-long", 1, "chat-short"],
    ["nobody", 1, "chat-short"],
  ])("takes a request that asks for %s with %s tokens to compute into %s", (asked, tokens, expected) => {
    expect(profile.classes[classOf(profile, asked, () => tokens)]!.name).toBe(expected);
  });

  it("are those of the model, whole, or else of all", () => {
    const own = { ...profile, defaultFamily: "batch" };
    const policies = { root: profile, models: { m: own } };
    expect(profileOf(policies, "m")).toBe(own);
    expect(profileOf(policies, "toString")).toBe(profile);
    expect(profileOf(policies, undefined)).toBe(profile);
    expect(profileOf({ root: null, models: {} }, "m")).toBeNull();
  });

  it("wait by the lower of their thresholds, those of budgets where the budget is known", () => {
    expect(busyAbove(policyClass("a", { busyTokens: 500, busyBudgets: 2 }), 100)).toBe(200);
    expect(busyAbove(policyClass("a", { busyTokens: 500, busyBudgets: 2 }), null)).toBe(500);
    expect(busyAbove(policyClass("a", { busyTokens: null, busyBudgets: 2 }), null)).toBeNull();
  });

  it("have thresholds of their own at the router, and know what a request counts for", () => {
    const classes = [
      policyClass("a", { busyTokens: 50 }),
      policyClass("b", { family: "f", bucket: "x", busyTokens: 10 }),
    ];
    const policies = { defaultFamily: "f", buckets: [{ minTokens: 0, name: "x" }], classes };
    const router = new KvRouter({ role: "aggregated", blockSize: 10, random: null, policies });
    const context = { workers: ["v", "w"], isl: 45, blocks: [1, 2, 3, 4] };
    router.index.stored("w", [1, 2]);
    expect(router.rank(context).standing).toEqual({ place: 1, promptTokens: 45, cachedTokens: 20 });
    expect(router.rank({ ...context, policyClass: "a" }).standing!.place).toBe(0);
    router.routed("r", "v", { ...context, blocks: [] });
    router.routed("q", "w", { ...context, blocks: [] });
    expect([router.isBusy(context, 0), router.isBusy(context, 1)]).toEqual([false, true]);
  });

  it("let no more wait than they may, by the worker: whoever passes a limit still does", () => {
    const queue = new RouterQueue<number>([
      policyClass("a", { limits: { ...NO_LIMITS, requests: 2 } }),
      policyClass("b", { limits: { requests: null, promptTokens: 100, cachedTokens: 40 } }),
    ]);
    const rank = (place: number, promptTokens: number, cachedTokens = 0) => ({
      tier: 0,
      key: 0,
      standing: { place, promptTokens, cachedTokens },
    });
    for (let i = 0; i < 4; i++) {
      expect(queue.overflow(rank(0, 9), 2)).toBeNull();
      queue.push(i, rank(0, 9));
    }
    expect(queue.overflow(rank(0, 9), 2)).toEqual({ className: "a", what: "requests", limit: 4, used: 4 });
    expect(queue.overflow(rank(0, 9), 3)).toBeNull();
    queue.push(10, rank(1, 99));
    expect(queue.overflow(rank(1, 9999), 1)).toBeNull();
    queue.push(11, rank(1, 1, 40));
    expect(queue.overflow(rank(1, 1), 1)).toMatchObject({ what: "promptTokens", used: 100 });
    queue.remove(10);
    expect(queue.overflow(rank(1, 1), 1)).toMatchObject({ what: "cachedTokens", used: 40 });
    queue.remove(0);
    expect(queue.overflow(rank(0, 9), 2)).toBeNull();
  });

  it("hold up none but their own", () => {
    const queue = new RouterQueue<string>([policyClass("a"), policyClass("b")]);
    const rank = (place: number) => ({ tier: 0, key: 0, standing: { place, promptTokens: 10, cachedTokens: 0 } });
    for (const name of ["a1", "a2", "b1"]) queue.push(name, rank(name.startsWith("a") ? 0 : 1));
    expect([queue.holdsUp(null, 0), queue.holdsUp(null, 1)]).toEqual([true, true]);
    const gone: string[] = [];
    queue.sweep(
      (name) => gone.push(name) > 0,
      () => null,
      (name) => name.startsWith("b"),
    );
    expect(gone).toEqual(["b1"]);
    expect([queue.length, queue.holdsUp(null, 0), queue.holdsUp(null, 1)]).toEqual([2, true, false]);
  });
});
