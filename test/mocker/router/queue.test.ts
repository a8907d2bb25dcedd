import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FIRST_COME, KvRouter, type QueuePolicy, RouterQueue } from "#mocker/router";

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
        for (const [i, each] of ranks.entries()) queue.push(i, each);
        const gone = new Set(leaving.filter((i) => i < ranks.length));
        for (const i of gone) expect(queue.remove(i)).toBe(true);
        for (const i of gone) expect(queue.remove(i)).toBe(false);
        const expected = [...ranks.keys()]
          .filter((i) => !gone.has(i))
          .sort((a, b) => ranks[b]!.tier - ranks[a]!.tier || ranks[b]!.key - ranks[a]!.key || a - b);
        expect(queue.length).toBe(expected.length);
        expect(everybody(queue)).toEqual(expected);
        expect(queue.length).toBe(0);
      }),
    );
  });

  /** Asks those in line, whose lane is the first letter of the name (`-`: none); who of `free` may go. */
  function sweep(queue: RouterQueue<string>, free: readonly string[]): string[] {
    const asked: string[] = [];
    const goes = (name: string) => {
      asked.push(name);
      return free.includes(name);
    };
    queue.sweep(goes, laneOf);
    return asked;
  }
  const laneOf = (name: string) => (name.startsWith("-") ? null : name[0]!);
  const lineOf = (...names: string[]) => {
    const queue = new RouterQueue<string>();
    for (const name of names) queue.push(name, FIRST_COME, laneOf(name));
    return queue;
  };

  it("asks in turn until one may not go, however many stand behind it", () => {
    const queue = lineOf("-a", "-b", "-c");
    expect(sweep(queue, ["-a", "-c"])).toEqual(["-a", "-b"]);
    expect(everybody(queue)).toEqual(["-b", "-c"]);
  });

  it("lets who may not go hold up its own lane alone, where it is in one", () => {
    const queue = lineOf("a1", "b1", "a2", "b2", "-", "a3");
    expect(sweep(queue, ["b1", "a2", "b2"])).toEqual(["a1", "b1", "b2", "-"]);
    expect(everybody(queue)).toEqual(["a1", "a2", "-", "a3"]);
  });

  it("holds up newcomers to the lanes in which somebody stands, and all of them where somebody stands in none", () => {
    const queue = lineOf("a1", "b1");
    expect([queue.holdsUp("a"), queue.holdsUp("b"), queue.holdsUp("c"), queue.holdsUp(null)]).toEqual([
      true,
      true,
      false,
      false,
    ]);
    queue.push("-", FIRST_COME);
    expect(queue.holdsUp("c")).toBe(true);
    expect(sweep(queue, ["a1", "-"])).toEqual(["a1", "b1", "-"]);
    expect([queue.holdsUp("a"), queue.holdsUp("b"), queue.holdsUp(null)]).toEqual([false, true, false]);
  });

  it("looks at lanes anew at every sweep", () => {
    const queue = lineOf("a1", "a2");
    queue.sweep(
      () => false,
      (name) => (name === "a1" ? "b" : null),
    );
    expect([queue.holdsUp("b"), queue.holdsUp(null)]).toEqual([true, true]);
    queue.remove("a2");
    expect([queue.holdsUp("a"), queue.holdsUp("b"), queue.holdsUp(null)]).toEqual([false, true, false]);
  });

  it("asks everybody who stood in line once, though others come and go meanwhile", () => {
    const queue = lineOf("-a", "-b", "-c", "-d");
    const asked: string[] = [];
    queue.sweep((name) => {
      asked.push(name);
      if (name === "-a") queue.push("-e", FIRST_COME);
      if (name === "-b") queue.remove("-c");
      return true;
    });
    expect(asked).toEqual(["-a", "-b", "-d", "-e"]);
    expect([queue.length, queue.holdsUp(null)]).toEqual([0, false]);
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
