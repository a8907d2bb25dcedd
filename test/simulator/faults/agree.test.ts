import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { expectSame, outcomeOf } from "../outcome.ts";
import { faultyCase, faultySpecOf } from "./random-faults.ts";

const RUNS = Number(process.env.UNDERSTUDY_FUZZ_RUNS ?? 300);

describe("the skipping and the stepping engine, whatever goes wrong", () => {
  it("agree on every time, counter, admission, fault and KV event of random runs", () => {
    fc.assert(
      fc.property(faultyCase, (faulty) => {
        const skipping = outcomeOf({ ...faultySpecOf(faulty), engine: "skipping" });
        const stepping = outcomeOf({ ...faultySpecOf(faulty), engine: "stepping" });
        if ("stuck" in skipping || "stuck" in stepping) {
          expect(skipping).toEqual(stepping);
          return;
        }
        expectSame(skipping.result, stepping.result);
        expect(skipping.kvEvents).toEqual(stepping.kvEvents);
      }),
      { numRuns: RUNS, seed: Number(process.env.UNDERSTUDY_FUZZ_SEED ?? 1) },
    );
  });
});
