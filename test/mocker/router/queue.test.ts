import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { KvRouter, type QueuePolicy, RouterQueue } from "#mocker/router";

const rank = fc.record({ tier: fc.integer({ min: 0, max: 2 }), key: fc.integer({ min: -3, max: 3 }) });

function everybody<T>(queue: RouterQueue<T>): T[] {
  const order: T[] = [];
  queue.sweep((item) => {
    order.push(item);
    return true;
  });
  return order;
}

describe("the router's queue", () => {
  it("lets the higher tier go first, then the higher key, then who came first", () => {
    fc.assert(
      fc.property(fc.array(rank, { maxLength: 60 }), fc.array(fc.nat(59)), (ranks, leaving) => {
        const queue = new RouterQueue<number>();
        const entries = ranks.map((each, i) => queue.push(i, each));
        const gone = new Set(leaving.filter((i) => i < ranks.length));
        for (const i of gone) queue.remove(entries[i]!);
        for (const i of gone) queue.remove(entries[i]!);
        const expected = [...ranks.keys()]
          .filter((i) => !gone.has(i))
          .sort((a, b) => ranks[b]!.tier - ranks[a]!.tier || ranks[b]!.key - ranks[a]!.key || a - b);
        expect(queue.length).toBe(expected.length);
        expect(everybody(queue)).toEqual(expected);
        expect(queue.length).toBe(0);
      }),
    );
  });

  it("asks everybody in turn, and keeps those that may not go", () => {
    const queue = new RouterQueue<string>();
    for (const name of ["a", "b", "c"]) queue.push(name, { tier: 0, key: 0 });
    const asked: string[] = [];
    queue.sweep((name) => {
      asked.push(name);
      return name === "b";
    });
    expect(asked).toEqual(["a", "b", "c"]);
    expect(everybody(queue)).toEqual(["a", "c"]);
  });
});

describe("who goes first", () => {
  /** The names in their order; each came a second after the one before. */
  function order(
    queuePolicy: QueuePolicy,
    requests: { [name: string]: { isl: number; blocks?: number[]; priority?: number; strictPriority?: number } },
  ) {
    const router = new KvRouter({ role: "aggregated", blockSize: 10, random: null, queuePolicy });
    router.index.stored("w", [1, 2, 3]);
    const queue = new RouterQueue<string>();
    Object.entries(requests).forEach(([name, { blocks = [], ...request }], i) => {
      queue.push(name, router.rank({ workers: ["v", "w"], nowMs: 1000 * i, blocks, ...request }));
    });
    return everybody(queue).join("");
  }

  it("is by policy who came first, who came last, or who has least to compute", () => {
    const requests = { a: { isl: 40 }, b: { isl: 30 }, c: { isl: 60 } };
    expect(order("fcfs", requests)).toBe("abc");
    expect(order("lcfs", requests)).toBe("cba");
    expect(order("wspt", requests)).toBe("bac");
  });

  it("counts for wspt what is cached where most is", () => {
    expect(order("wspt", { a: { isl: 20 }, b: { isl: 40, blocks: [1, 2, 3, 4] } })).toBe("ba");
  });

  it("has a head start by priority, in seconds or as a weight", () => {
    expect(order("fcfs", { a: { isl: 10 }, b: { isl: 10 }, c: { isl: 10, priority: 1.5 } })).toBe("acb");
    expect(order("lcfs", { a: { isl: 10, priority: 1.5 }, b: { isl: 10 }, c: { isl: 10 } })).toBe("cab");
    expect(order("wspt", { a: { isl: 10 }, b: { isl: 40, priority: 4 } })).toBe("ba");
  });

  it("is always the higher tier", () => {
    for (const policy of ["fcfs", "lcfs", "wspt"] as const) {
      expect(order(policy, { a: { isl: 1, priority: 99 }, b: { isl: 90, strictPriority: 1 }, c: { isl: 90 } })[0]).toBe(
        "b",
      );
    }
  });
});

describe("a busy router", () => {
  const context = { workers: ["v", "w"], isl: 40, blocks: [] };

  it("is one whose every worker has more to compute than the threshold", () => {
    const router = new KvRouter({ role: "aggregated", blockSize: 10, random: null, queueAboveTokens: 40 });
    expect(router.isBusy(context)).toBe(false);
    router.routed("a", "v", { ...context, isl: 41 });
    expect(router.isBusy(context)).toBe(false);
    router.routed("b", "w", { ...context, isl: 40 });
    expect(router.isBusy(context)).toBe(false);
    router.routed("c", "w", { ...context, isl: 1 });
    expect(router.isBusy(context)).toBe(true);
    router.prefilled("a");
    expect(router.isBusy(context)).toBe(false);
  });

  it("is none of a decode pool, of no worker, or without a threshold", () => {
    const decode = new KvRouter({ role: "decode", blockSize: 10, random: null, queueAboveTokens: 0 });
    decode.routed("a", "v", context);
    expect(decode.isBusy({ ...context, workers: ["v"] })).toBe(false);
    const free = new KvRouter({ role: "prefill", blockSize: 10, random: null });
    free.routed("a", "v", context);
    expect(free.isBusy({ ...context, workers: ["v"] })).toBe(false);
    const empty = new KvRouter({ role: "prefill", blockSize: 10, random: null, queueAboveTokens: 0 });
    expect(empty.isBusy({ ...context, workers: [] })).toBe(false);
  });
});
