import fc from "fast-check";
import { describe, it } from "vitest";
import { expectAgreement } from "../outcome.ts";
import { faultyCase, faultySpecOf } from "./random-faults.ts";

const RUNS = Number(process.env.UNDERSTUDY_FUZZ_RUNS ?? 300);

describe("the skipping and the stepping engine, whatever goes wrong", () => {
  it("agree on every time, counter, admission, fault and KV event of random runs", () => {
    fc.assert(
      fc.property(faultyCase, (faulty) => expectAgreement(() => faultySpecOf(faulty))),
      { numRuns: RUNS, seed: Number(process.env.UNDERSTUDY_FUZZ_SEED ?? 1) },
    );
  });
});
