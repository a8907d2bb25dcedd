import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { erlangC, roundHalfEven, smallestEnough, waitDecay } from "../../planner/core/queueing.ts";

describe("Erlang C", () => {
  it("is the utilisation for one server", () => {
    expect(erlangC(1, 0.7)).toBeCloseTo(0.7, 12);
  });

  it("agrees with the closed form C = (aᶜ/c!)(c/(c−a)) / (Σ aⁿ/n! + …)", () => {
    for (const [servers, offered] of [
      [2, 1],
      [3, 2.4],
      [10, 8],
      [20, 19],
    ] as const) {
      let term = 1;
      let sum = 0;
      for (let n = 0; n < servers; n++) {
        sum += term;
        term = (term * offered) / (n + 1);
      }
      const waiting = (term * servers) / (servers - offered);
      expect(erlangC(servers, offered)).toBeCloseTo(waiting / (sum + waiting), 12);
    }
  });

  it("is 1 without enough servers and 0 without load", () => {
    expect(erlangC(3, 3)).toBe(1);
    expect(erlangC(3, 4)).toBe(1);
    expect(erlangC(3, 0)).toBe(0);
  });

  it("falls with servers, rises with load, and stays a probability, also for thousands of servers", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 3000 }),
        fc.double({ min: 0.001, max: 0.999, noNaN: true }),
        (servers, load) => {
          const offered = servers * load;
          const waits = erlangC(servers, offered);
          expect(waits).toBeGreaterThanOrEqual(0);
          expect(waits).toBeLessThanOrEqual(1);
          expect(erlangC(servers + 1, offered)).toBeLessThanOrEqual(waits);
          expect(erlangC(servers, offered * 0.9)).toBeLessThanOrEqual(waits);
        },
      ),
      { numRuns: 200 },
    );
  });
});

describe("decay of the waiting time", () => {
  it("solves x = ln(1 + x / ρ) per server for constant service", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 200 }),
        fc.double({ min: 0.01, max: 0.99, noNaN: true }),
        (servers, load) => {
          const x = waitDecay(servers, servers * load, 0) / servers;
          expect(x).toBeGreaterThan(0);
          expect(Math.log(1 + x / load) / x).toBeCloseTo(1, 8);
        },
      ),
    );
  });

  it("is slower for variable service and gone without spare capacity", () => {
    expect(waitDecay(4, 3, 1)).toBeCloseTo(waitDecay(4, 3, 0) / 2, 12);
    expect(waitDecay(4, 4, 0)).toBe(0);
  });
});

describe("the smallest number that is enough", () => {
  it("is what a linear search finds", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 50 }),
        fc.integer({ min: 0, max: 400 }),
        fc.integer({ min: 51, max: 300 }),
        (low, threshold, limit) => {
          let expected = low;
          while (expected < limit && expected < threshold) expected++;
          expect(smallestEnough(low, limit, (count) => count >= threshold)).toBe(expected);
        },
      ),
    );
  });
});

describe("rounding", () => {
  it("rounds halves to even like Python", () => {
    const halves = [-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 3.5].map(roundHalfEven);
    expect(halves.map((value) => value + 0)).toEqual([-2, -2, 0, 0, 2, 2, 4]);
    expect([2.4, 2.6, -2.4, -2.6, 7].map(roundHalfEven)).toEqual([2, 3, -2, -3, 7]);
  });
});
