import { describe, expect, it } from "vitest";
import { LeastLoadedRouter, RoundRobinRouter } from "#mocker/router";

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
