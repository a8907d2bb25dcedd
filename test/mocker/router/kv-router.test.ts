import { describe, expect, it } from "vitest";
import { randomStream } from "#common";
import { KvRouter, type KvRouterOptions, type RouteContext } from "#mocker/router";

const BLOCK = 10;

function router(options: Partial<KvRouterOptions> = {}): KvRouter {
  return new KvRouter({ role: "aggregated", blockSize: BLOCK, random: null, ...options });
}

function prompt(isl: number, blocks: (number | bigint)[], workers = ["a", "b", "c"], nowMs?: number): RouteContext {
  return { workers, isl, blocks, ...(nowMs === undefined ? {} : { nowMs }) };
}

/** Chooses and tells the router, as a frontend does. */
function route(kv: KvRouter, request: string, context: RouteContext): string {
  const worker = context.workers[kv.choose([], context.workers.length, context)] as string;
  kv.routed(request, worker, context);
  return worker;
}

describe("the KV router", () => {
  it("goes where most of the prompt is cached, and says how much", () => {
    const kv = router();
    kv.index.stored("b", [1, 2]);
    kv.index.stored("c", [1, 2, 3]);
    const context = prompt(45, [1, 2, 3, 4]);
    expect(kv.choose([], 3, context)).toBe(2);
    // 4.5 blocks of prompt, 3 of them cached; 4 full blocks will be in use.
    expect(kv.last).toEqual({ cost: 1.5 + 4, overlapBlocks: 3, bestOverlapBlocks: 3, promptBlocks: 4 });
  });

  describe("may leave out what Dynamo's may", () => {
    /** Costs of candidates where `a` computes two blocks and uses three more, the first two of which the prompt shares. */
    const costs = (options: Partial<KvRouterOptions>) => {
      const kv = router(options);
      kv.routed("x", "a", prompt(30, [1, 2, 3]));
      kv.prefilled("x");
      kv.routed("y", "a", prompt(20, [7, 8]));
      return ["a", "b"].map((worker) => {
        kv.choose([], 1, prompt(40, [1, 2, 4, 5], [worker]));
        return kv.last!.cost;
      });
    };

    it.each([
      [{}, [6 + 5 + 2, 8]],
      [{ tracksBlocks: false }, [6 + 4, 8]],
      [{ tracksPrompts: false }, [5 + 2, 4]],
      [{ sharesBlocks: false }, [6 + 5 + 4, 8]],
      [{ requestWeight: 2.5 }, [6 + 5 + 2 + 5, 8]],
      [{ role: "decode" as const }, [5 + 4, 4]],
      [{ role: "decode" as const, tracksBlocks: false }, [4, 4]],
      [{ role: "decode" as const, requestWeight: 2.5 }, [5 + 4 + 5, 4]],
      [{ role: "prefill" as const, tracksPrompts: false }, [0, 0]],
    ])("%o", (options, expected) => {
      expect(costs(options)).toEqual(expected);
    });

    it("gives less credit for caches where more prompts than the idlest candidate's have to be computed", () => {
      const kv = router({ overlapDecay: 1, role: "prefill" });
      kv.index.stored("a", [1, 2, 3]);
      kv.routed("x", "a", prompt(60, [7, 8, 9, 10, 11, 12]));
      kv.routed("y", "b", prompt(20, [20, 21]));
      // 40 tokens more than b has, which is one prompt: half of the credit. Were it whole, a would cost 6 + 4 − 3.
      expect(kv.choose([], 2, prompt(40, [1, 2, 3, 4], ["a", "b"]))).toBe(1);
      expect(kv.last!.cost).toBe(6);
      kv.choose([], 2, prompt(40, [1, 2, 3, 4], ["a", "a"]));
      expect(kv.last!.cost).toBe(7);
    });
  });

  it("hears of caches with a lag, in their order, and of a worker that is gone not at all", () => {
    const kv = router({ eventLagMs: 100 });
    kv.cacheChanged("b", "stored", 1, 0);
    kv.cacheChanged("c", "stored", 1, 40);
    kv.cacheChanged("b", "removed", 1, 60);
    const cached = (nowMs: number) => {
      kv.choose([], 3, prompt(10, [1], undefined, nowMs));
      return [kv.last!.bestOverlapBlocks, kv.index.match([1], 1, ["a", "b", "c"], 3).cached.slice(0, 3)];
    };
    expect(cached(99)).toEqual([0, Int32Array.of(0, 0, 0)]);
    expect(cached(100)).toEqual([1, Int32Array.of(0, 1, 0)]);
    expect(cached(150)).toEqual([1, Int32Array.of(0, 1, 1)]);
    expect(cached(160)).toEqual([1, Int32Array.of(0, 0, 1)]);
    kv.cacheChanged("b", "stored", 1, 200);
    kv.workerRemoved("b");
    expect(cached(500)).toEqual([1, Int32Array.of(0, 0, 1)]);
  });

  it("leaves the cache where the load there outweighs it", () => {
    const kv = router();
    kv.index.stored("c", [1, 2]);
    const other = prompt(30, [7, 8, 9], ["c"]);
    kv.routed("x", "c", other);
    // a: 2 + 2; c: (30 + 20) / 10 − 2 + 3 + 2.
    expect(kv.choose([], 3, prompt(20, [1, 2]))).toBe(0);
    expect(kv.last).toMatchObject({ cost: 4, overlapBlocks: 0, bestOverlapBlocks: 2 });
    kv.prefilled("x");
    // c: (0 + 20) / 10 − 2 + 3 + 2 = 5, still more than 4.
    expect(kv.choose([], 3, prompt(20, [1, 2]))).toBe(0);
    kv.ended("x");
    expect(kv.choose([], 3, prompt(20, [1, 2]))).toBe(2);
    expect(kv.last!.cost).toBe(2);
  });

  it("charges blocks that several requests share once, and blocks in use here not again", () => {
    const kv = router();
    for (const request of ["x", "y"]) {
      kv.routed(request, "a", prompt(30, [1, 2, 3]));
      kv.prefilled(request);
    }
    kv.choose([], 1, prompt(40, [1, 2, 3, 4]));
    // Nothing is known to be cached: 4 to compute; 3 in use, and one more.
    expect(kv.last!.cost).toBe(4 + 3 + 1);
    kv.ended("x");
    kv.choose([], 1, prompt(40, [1, 2, 3, 4]));
    expect(kv.last!.cost).toBe(8);
    kv.ended("y");
    kv.choose([], 1, prompt(40, [1, 2, 3, 4]));
    expect(kv.last!.cost).toBe(4 + 4);
  });

  it("takes blocks without a name for ones that nobody shares", () => {
    const kv = router();
    for (const request of ["x", "y"]) {
      kv.routed(request, "a", prompt(40, [1, 2]));
      kv.prefilled(request);
    }
    kv.choose([], 1, prompt(40, [1, 2]));
    // 1 and 2 are in use once, two more blocks for each request; two of the four that come are in use.
    expect(kv.last).toMatchObject({ cost: 4 + (2 + 2 * 2) + 4 - 2, promptBlocks: 4 });
    kv.ended("x");
    kv.choose([], 1, prompt(40, [1, 2]));
    expect(kv.last!.cost).toBe(4 + 4 + 2);
  });

  it("charges waiting prompts what was not cached when they were routed", () => {
    const kv = router({ role: "prefill" });
    kv.index.stored("a", [1, 2]);
    kv.routed("x", "a", prompt(36, [1, 2, 3]));
    kv.choose([], 1, prompt(20, [8, 9]));
    // 16 tokens wait, 20 come.
    expect(kv.last!.cost).toBeCloseTo(3.6, 12);
    kv.prefilled("x");
    kv.prefilled("x");
    kv.choose([], 1, prompt(20, [8, 9]));
    expect(kv.last!.cost).toBe(2);
  });

  it("counts requests' blocks alone on decode workers, shared or not", () => {
    const kv = router({ role: "decode" });
    kv.index.stored("a", [1, 2, 3]);
    kv.routed("x", "a", prompt(39, [1, 2, 3]));
    kv.routed("y", "a", prompt(39, [1, 2, 3]));
    expect(kv.choose([], 2, prompt(30, [1, 2, 3]))).toBe(1);
    expect(kv.last!.cost).toBe(3);
    kv.choose([], 1, prompt(30, [1, 2, 3]));
    expect(kv.last!.cost).toBe(9);
  });

  it("weighs caches and prompts as it is told", () => {
    const blind = router({ overlapWeight: 0 });
    blind.index.stored("b", [1, 2]);
    expect(blind.choose([], 2, prompt(20, [1, 2]))).toBe(0);
    const balanced = router({ prefillWeight: 0 });
    balanced.index.stored("b", [1, 2]);
    balanced.routed("x", "b", prompt(10, [9]));
    expect(balanced.choose([], 2, prompt(20, [1, 2]))).toBe(0);
    expect(balanced.last!.cost).toBe(2);
  });

  it("breaks ties at random where it has a stream, by place where not", () => {
    const random = router({ random: randomStream(1, "ties") });
    const chosen = Array.from({ length: 300 }, () => random.choose([], 3, prompt(20, [1, 2])));
    for (const place of [0, 1, 2]) {
      const share = chosen.filter((each) => each === place).length / chosen.length;
      expect(share).toBeGreaterThan(0.25);
      expect(share).toBeLessThan(0.42);
    }
    expect(router().choose([], 3, prompt(20, [1, 2]))).toBe(0);
  });

  it("draws by softmax of the costs over their range where it has a temperature", () => {
    const kv = router({ temperature: 1, random: randomStream(2, "softmax") });
    kv.index.stored("b", [1, 2]);
    kv.index.stored("c", [1]);
    // Costs are 4, 2 and 3: weights e⁻¹, 1 and e⁻½.
    const weights = [Math.exp(-1), 1, Math.exp(-0.5)];
    const sum = weights.reduce((a, b) => a + b);
    const draws = 20_000;
    const counts = [0, 0, 0];
    for (let i = 0; i < draws; i++) counts[kv.choose([], 3, prompt(20, [1, 2]))]!++;
    for (let i = 0; i < 3; i++) expect(counts[i]! / draws).toBeCloseTo(weights[i]! / sum, 1.7);
  });

  it("forgets a worker with its cache and its requests, but not the others'", () => {
    const kv = router();
    kv.index.stored("a", [1, 2]);
    kv.index.stored("b", [1]);
    route(kv, "x", prompt(20, [1, 2]));
    kv.workerRemoved("a");
    expect(kv.load.requests).toBe(0);
    expect(kv.index.size).toBe(1);
    expect(kv.choose([], 2, prompt(20, [1, 2]))).toBe(1);
    // The request's end may be told late.
    kv.ended("x");
    kv.prefilled("x");
    expect(kv.load.of("a").requestBlocks).toBe(0);
  });

  it("balances by outstanding work where it knows nothing of the request", () => {
    expect(router().choose([3, 1, 2], 3)).toBe(1);
  });

  it("keeps nothing of requests that have left", () => {
    const kv = router({ random: randomStream(3, "leak") });
    const random = randomStream(4, "requests");
    for (let i = 0; i < 500; i++) {
      const blocks = Array.from({ length: random.integer(6) }, (_, b) => b + 100 * random.integer(3));
      route(kv, `r${i}`, prompt(blocks.length * BLOCK + random.integer(BLOCK), blocks));
      if (random.integer(2) === 0) kv.prefilled(`r${i}`);
      if (i >= 10) kv.ended(`r${i - 10}`);
    }
    for (let i = 490; i < 500; i++) kv.ended(`r${i}`);
    for (const worker of ["a", "b", "c"]) {
      expect(kv.load.of(worker)).toEqual({ prefillTokens: 0, requestBlocks: 0, unnamedBlocks: 0, requests: 0 });
    }
    expect(kv.load.requests).toBe(0);
    expect(kv.index.size).toBe(0);
  });
});

describe("the KV router without events", () => {
  const options = { events: false, ttlMs: 1000, role: "prefill" } as const;

  it("takes what it routed for cached, until that is too long ago", () => {
    const kv = router(options);
    route(kv, "x", prompt(20, [1, 2], undefined, 0));
    kv.prefilled("x");
    expect(kv.choose([], 3, prompt(20, [1, 2], undefined, 999))).toBe(0);
    expect(kv.last!.overlapBlocks).toBe(2);
    kv.choose([], 3, prompt(20, [1, 2], undefined, 1000));
    expect(kv.last!.overlapBlocks).toBe(0);
    // The request has not left, so its blocks are in use.
    expect(kv.index.size).toBe(2);
    kv.ended("x");
    expect(kv.index.size).toBe(0);
  });

  it("remembers anew what is routed again", () => {
    const kv = router(options);
    kv.routed("x", "a", prompt(20, [1, 2], undefined, 0));
    kv.routed("y", "a", prompt(10, [1], undefined, 600));
    kv.choose([], 1, prompt(20, [1, 2], undefined, 1200));
    expect(kv.last!.overlapBlocks).toBe(1);
  });

  it("forgets ends of prompts first where it remembers too much", () => {
    const kv = router({ ...options, maxBlocksPerWorker: 3 });
    kv.routed("x", "a", prompt(20, [1, 2], undefined, 0));
    kv.routed("y", "a", prompt(20, [5, 6], undefined, 1));
    kv.choose([], 1, prompt(20, [1, 2], undefined, 2));
    expect(kv.last!.overlapBlocks).toBe(1);
    kv.choose([], 1, prompt(20, [5, 6], undefined, 2));
    expect(kv.last!.overlapBlocks).toBe(2);
  });
});
