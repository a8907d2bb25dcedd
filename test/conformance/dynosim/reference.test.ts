import { expect, it } from "vitest";
import { runDynosimConformance } from "#src/conformance";
import { readDynosimCase } from "../../../src/conformance/dynosim/case.ts";
import { checkDynosimCase } from "../../../src/conformance/dynosim/run.ts";
import { describeWithReference, referencePath } from "../../reference.ts";

/** Folders in which every case that is not skipped must be reproduced. */
const EXACT = [
  ["dynosim", 24, 3],
  ["dynosim-random/vllm", 30, 0],
  ["dynosim-random/vllmtight", 30, 0],
  ["dynosim-random/prefix", 30, 0],
  ["dynosim-random/sessions", 13, 0],
  ["dynosim-random/disagg", 13, 0],
] as const;

for (const engine of ["stepping", "skipping"] as const) {
  describeWithReference(`the ${engine} engine against recorded DynoSim runs`, () => {
    it.each(EXACT)("reproduces every request and summary of %s", (folder, cases, later) => {
      const rows = runDynosimConformance(referencePath(...folder.split("/")), { engine });
      const compared = rows.filter((row) => row.skipped === null);
      const failed = compared.filter((row) => !row.passed);
      expect(failed.map((row) => `${row.case}: ${row.firstDifference}`)).toEqual([]);
      expect([compared.length, rows.length - compared.length]).toEqual([cases, later]);
      // Far inside the tolerance: only the last bits of logarithms and means may differ.
      for (const row of compared) expect(row.largestRelativeError, row.case).toBeLessThan(1e-11);
    });
  });
}

describeWithReference("cases that wait for later", () => {
  it("are skipped with the reason, and do not count as passed", () => {
    const rows = runDynosimConformance(referencePath("dynosim-random"), { only: "kv" });
    expect(rows.length).toBe(15);
    for (const row of rows) expect([row.passed, row.skipped]).toEqual([false, expect.stringContaining("KV router")]);
    const reasons = runDynosimConformance(referencePath("dynosim"))
      .filter((row) => row.skipped !== null)
      .map((row) => row.skipped);
    expect(new Set(reasons).size).toBe(3);
  });
});

describeWithReference("a planner in the loop", () => {
  const recorded = () => readDynosimCase(referencePath("dynosim", "planner_agg_load_2w.json"));

  it("is compared tick by tick: what it saw of every engine, and what it decided", () => {
    const run = recorded();
    expect(run.ticks).toHaveLength(11);
    const spoilt = (spoil: (ticks: NonNullable<typeof run.ticks>) => void) => {
      const copy = structuredClone(run);
      spoil(copy.ticks!);
      return checkDynosimCase(copy).firstDifference;
    };
    expect(spoilt(() => {})).toBeNull();
    expect(spoilt((ticks) => ticks.pop())).toBe("ticks: found 11, expected 10");
    expect(
      spoilt((ticks) => {
        ticks[3]!.effects.scale_to!.num_decode = 3;
      }),
    ).toBe("tick 3, workers: found 2, expected 3");
    expect(
      spoilt((ticks) => {
        ticks[2]!.input.fpm_observations!.decode![0]!.metrics.queued_requests.sum_prefill_tokens++;
      }),
    ).toMatch(/^tick 2, passes: found 0: 9 /);
  });
});
