import { expect, it } from "vitest";
import { runDynosimConformance } from "#src/conformance";
import { describeWithReference, referencePath } from "../../reference.ts";

/** Folders in which every case that is not skipped must be reproduced. */
const EXACT = [
  ["dynosim", 22, 5],
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
    expect(new Set(reasons).size).toBe(4);
  });
});
