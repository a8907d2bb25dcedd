import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { stdRng } from "#common";
import { describeWithReference, referencePath } from "../reference.ts";

describe("StdRng", () => {
  it("draws the gaps that DynoSim draws from seed 42 at 20 requests/s", () => {
    const random = stdRng(42);
    let at = 0;
    const arrivals = [0, 1, 2].map(() => {
      at += (-Math.log(1 - random.nextDouble()) * 1000) / 20;
      return at;
    });
    const expected = [37.386230882034816, 76.50976975956941, 127.10376842248198];
    arrivals.forEach((arrival, i) => {
      expect(Math.abs(arrival / expected[i]! - 1)).toBeLessThan(1e-11);
    });
  });

  it("gives the same stream for the same seed, whole or as bigint, and another for another", () => {
    const words = (seed: number | bigint) => {
      const random = stdRng(seed);
      return Array.from({ length: 100 }, () => random.nextU32());
    };
    expect(words(7)).toEqual(words(7n));
    expect(words(7)).not.toEqual(words(8));
    expect(words(2n ** 64n - 1n).every((word) => word >= 0 && word < 2 ** 32 && Number.isInteger(word))).toBe(true);
  });

  it("fills [0, 1) evenly", () => {
    const random = stdRng(1);
    const bins = new Array<number>(10).fill(0);
    for (let i = 0; i < 100_000; i++) bins[Math.floor(random.nextDouble() * 10)]!++;
    for (const count of bins) expect(Math.abs(count - 10_000)).toBeLessThan(400);
  });
});

describeWithReference("StdRng against recorded arrivals", () => {
  it("gives all 3000 arrivals of a recorded run at 60 requests/s", () => {
    const file = referencePath("dynosim", "planner_agg_load_2w.json");
    const run = JSON.parse(readFileSync(file, "utf8")) as { per_request: { uuid: string; arrival_time_ms: number }[] };
    const recorded = run.per_request.map((row) => row.arrival_time_ms).sort((a, b) => a - b);
    expect(recorded.length).toBe(3000);
    const random = stdRng(42);
    let at = 0;
    for (const arrival of recorded) {
      expect(Math.abs(at - arrival)).toBeLessThanOrEqual(1e-11 * Math.max(1, arrival));
      at += (-Math.log(1 - random.nextDouble()) * 1000) / 60;
    }
  });
});
