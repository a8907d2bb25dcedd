import { describe, expect, it } from "vitest";
import { randomStream } from "#common";
import { createRouter, LeastLoadedRouter, RandomRouter, ROUTER_MODES, RoundRobinRouter } from "#mocker/router";

describe("the round-robin router", () => {
  it("goes around", () => {
    const router = new RoundRobinRouter();
    expect(Array.from({ length: 5 }, () => router.choose([9, 0, 0], 3))).toEqual([0, 1, 2, 0, 1]);
  });

  it("goes on from where it was when workers come and go", () => {
    const router = new RoundRobinRouter();
    router.choose([], 2);
    expect(router.choose([], 4)).toBe(1);
    expect(router.choose([], 4)).toBe(2);
    // Three candidates again: place 3 is place 0.
    expect(router.choose([], 3)).toBe(0);
    expect(router.choose([], 1)).toBe(0);
  });
});

describe("the least-loaded router", () => {
  it("takes the least outstanding work, the first of equals, among the candidates alone", () => {
    const router = new LeastLoadedRouter();
    expect(router.choose([3, 1, 2], 3)).toBe(1);
    expect(router.choose([2, 1, 1], 3)).toBe(1);
    expect(router.choose([3, 2, 0], 2)).toBe(1);
    expect(router.choose(new Float64Array([0, 0]), 2)).toBe(0);
  });
});

describe("the random router", () => {
  it("takes every candidate about equally often, the same ones for the same stream", () => {
    const draw = () => {
      const router = new RandomRouter(randomStream(7, "router/test"));
      return Array.from({ length: 400 }, () => router.choose([9, 0, 0, 0], 4));
    };
    const chosen = draw();
    for (let i = 0; i < 4; i++) expect(chosen.filter((each) => each === i).length).toBeGreaterThan(70);
    expect(draw()).toEqual(chosen);
  });
});

describe("createRouter", () => {
  it("makes a router of every mode that chooses among the candidates", () => {
    for (const mode of ROUTER_MODES) {
      const router = createRouter({ mode }, 1, {
        role: "prefill",
        blockSize: 16,
        maxBatchedTokens: 8192,
        tellsEvents: true,
      });
      const context = { workers: ["a", "b"], isl: 40, blocks: [1n, 2n] };
      for (let i = 0; i < 10; i++) {
        const place = router.choose([0, 5], 2, context);
        expect(place === 0 || place === 1).toBe(true);
        router.routed?.(i, context.workers[place]!, context);
      }
    }
  });
});
