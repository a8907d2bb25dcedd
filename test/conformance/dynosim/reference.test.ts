import { expect, it } from "vitest";
import { runDynosimConformance } from "#src/conformance";
import { readDynosimCase } from "../../../src/conformance/dynosim/case.ts";
import { checkDynosimCase, replayDynosimCase } from "../../../src/conformance/dynosim/run.ts";
import { describeWithReference, referencePath } from "../../reference.ts";

/** Folders in which every case that is not skipped must be reproduced. */
const EXACT = [
  ["dynosim", 27, 0],
  ["dynosim-random/vllm", 30, 0],
  ["dynosim-random/vllmtight", 30, 0],
  ["dynosim-random/prefix", 30, 0],
  ["dynosim-random/sessions", 13, 0],
  ["dynosim-random/disagg", 13, 0],
  ["dynosim-random/kv", 15, 0],
  ["dynosim-random/trtllm", 40, 0],
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

describeWithReference("the KV router", () => {
  const recorded = () => readDynosimCase(referencePath("dynosim", "kv_4w_trace_mixed.json"));

  it("goes where the recorded one went, and must find that no other place costs less", () => {
    const run = recorded();
    const { routing } = replayDynosimCase(run);
    expect(routing!.comparison.differences).toBe(0);
    expect(routing!.decisions).toBe(60);
    const spoilt = structuredClone(run);
    // Somewhere a worker that was no choice among equals.
    const found = spoilt.records.filter((record) => {
      const before = record.decode_worker_idx!;
      record.decode_worker_idx = (before + 1) % 4;
      const { comparison } = replayDynosimCase(spoilt).routing!;
      record.decode_worker_idx = before;
      return /recorded \d at cost [\d.]+, the least is [\d.]+ of \d/.test(comparison.firstDifference ?? "");
    });
    expect(found.length).toBeGreaterThan(20);
  });

  it("has the recorded one's view of the caches", () => {
    const run = recorded();
    const entry = run.records
      .flatMap((each) => each.routing_history)
      .find((each) => each.selected_overlap_blocks! > 0)!;
    entry.selected_overlap_blocks!++;
    expect(checkDynosimCase(run).firstDifference).toMatch(/, overlap: found \d+ blocks, expected \d+$/);
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
    ).toBe("tick 3, decode workers: found 2, expected 3");
    expect(
      spoilt((ticks) => {
        ticks[2]!.input.fpm_observations!.decode![0]!.metrics.queued_requests.sum_prefill_tokens++;
      }),
    ).toMatch(/^tick 2, decode passes: found 0: 9 /);
  });
});
