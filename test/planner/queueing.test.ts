import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { erlangC, roundHalfEven, smallestEnough, waitDecay, waitingShare } from "../../planner/core/queueing.ts";

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

describe("waiting where requests come clumped", () => {
  /** Erlang B for any number of servers: 1 ÷ B = a ∫ e^(−a t) (1 + t)^c dt from 0 on, by the midpoint rule. */
  function blocking(servers: number, offered: number): number {
    const stepS = 0.002;
    let sum = 0;
    for (let t = stepS / 2; t < 60 / offered; t += stepS) {
      sum += offered * Math.exp(-offered * t) * (1 + t) ** servers * stepS;
    }
    return 1 / sum;
  }

  it("is Erlang C where they come one by one, or would wait anyway", () => {
    for (const [servers, offered] of [
      [3, 1.2],
      [10, 8],
      [3, 4],
      [3, 0],
    ] as const) {
      expect(waitingShare(servers, offered, 1)).toBe(erlangC(servers, offered));
    }
    expect(waitingShare(3, 4, 4)).toBe(1);
    expect(waitingShare(3, 0, 4)).toBe(0);
  });

  it("is Erlang C for as many clumps, also between whole numbers of servers", () => {
    expect(waitingShare(12, 8, 4)).toBeCloseTo(erlangC(3, 2), 12);
    for (const [servers, offered, dispersion] of [
      [3, 1.2, 4],
      [5, 1.2, 4],
      [7, 4, 2.5],
      [20, 15, 9],
    ] as const) {
      const [places, clumps] = [servers / dispersion, offered / dispersion];
      const lost = blocking(places, clumps);
      const exact = lost / (1 - (clumps / places) * (1 - lost));
      expect(waitingShare(servers, offered, dispersion) / exact).toBeGreaterThan(0.95);
      expect(waitingShare(servers, offered, dispersion) / exact).toBeLessThan(1.05);
    }
  });

  it("rises with clumps and load, falls with servers, and stays a probability", () => {
    const dispersions = fc.double({ min: 1, max: 25, noNaN: true });
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 200 }),
        fc.double({ min: 0.01, max: 0.99, noNaN: true }),
        dispersions,
        (servers, load, dispersion) => {
          const offered = servers * load;
          const waits = waitingShare(servers, offered, dispersion);
          expect(waits).toBeGreaterThanOrEqual(0);
          expect(waits).toBeLessThanOrEqual(1);
          expect(waitingShare(servers, offered, 1.3 * dispersion)).toBeGreaterThan(0.97 * waits);
          expect(waitingShare(servers + 1, offered, dispersion)).toBeLessThan(1.001 * waits);
          expect(waitingShare(servers, offered * 0.9, dispersion)).toBeLessThan(1.001 * waits);
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

  it("does so down to the smallest numbers, where e to the x is too large for one", () => {
    for (const load of [1e-12, 1e-20, 1e-23, 1e-150, 1e-154, 1e-200, 1e-300, Number.MIN_VALUE]) {
      const x = waitDecay(3, 3 * load, 0) / 3;
      // ln(1 + x / ρ), where that may be too large for a number.
      expect((Math.log(load + x) - Math.log(load)) / x, `${load}`).toBeCloseTo(1, 10);
    }
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
