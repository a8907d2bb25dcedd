import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { expectSame, outcomeOf } from "./outcome.ts";
import { randomCase, specOf } from "./random-spec.ts";

const RUNS = Number(process.env.UNDERSTUDY_FUZZ_RUNS ?? 400);

describe("the skipping and the stepping engine", () => {
  it("agree on every time, counter, admission and KV event of random runs", () => {
    fc.assert(
      fc.property(randomCase, (random) => {
        // A planner has a state: each run gets its own.
        const skipping = outcomeOf({ ...specOf(random), engine: "skipping" });
        const stepping = outcomeOf({ ...specOf(random), engine: "stepping" });
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
