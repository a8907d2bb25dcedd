import fc from "fast-check";
import { describe, it } from "vitest";
import { expectAgreement } from "./outcome.ts";
import { randomCase, specOf } from "./random-spec.ts";

const RUNS = Number(process.env.UNDERSTUDY_FUZZ_RUNS ?? 400);

describe("the skipping and the stepping engine", () => {
  it("agree on every time, counter, admission and KV event of random runs", () => {
    fc.assert(
      fc.property(randomCase, (random) => expectAgreement(() => specOf(random))),
      { numRuns: RUNS, seed: Number(process.env.UNDERSTUDY_FUZZ_SEED ?? 1) },
    );
  });
});
