import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type DynosimCase, type DynosimRecord, parseDynosimCase } from "../../../src/conformance/dynosim/case.ts";
import { dynosimRecords } from "../../../src/conformance/dynosim/records.ts";
import { checkDynosimCase, replayDynosimCase, replaySummary } from "../../../src/conformance/dynosim/run.ts";
import { caseFolder, madeCase, writeTrace } from "./made-case.ts";

const folder = caseFolder();

/** Prompts of three sizes and four beginnings that come at once, on three workers: what a file would have recorded of our own router. */
function recorded(pools?: { prefill: object; decode: object }): DynosimCase {
  const lines = Array.from({ length: 24 }, (_, i) => ({
    timestamp: 0,
    input_length: 32 * (1 + (i % 3)),
    output_length: 3 + (i % 2),
    hash_ids: Array.from(
      { length: 2 * (1 + (i % 3)) },
      (_, block) => (block < 1 + (i % 2) ? 10 * (i % 4) : 1000 * (i + 1)) + block,
    ),
  }));
  const trace_files = writeTrace(folder, `alike-${pools === undefined}.jsonl`, lines);
  const kwargs =
    pools === undefined
      ? { router_mode: "kv_router", num_workers: 3 }
      : { router_mode: "kv_router", num_prefill_workers: 2, num_decode_workers: 3 };
  const parts = {
    kwargs,
    engine: { max_num_batched_tokens: 128, max_num_seqs: 3 },
    ...(pools && { pools: { ...pools } }),
  };
  const run = parseDynosimCase(
    madeCase({ trace_files }, parts as Parameters<typeof madeCase>[1]),
    join(folder, "made.json"),
  );
  const { workload, result } = replayDynosimCase(run);
  const records = dynosimRecords(result, workload).map((record, i) => ({ ...record, uuid: `random-${i}` }));
  return { ...run, records, summary: replaySummary(run, result) };
}

/** The same records, as many places on. */
function turned(records: DynosimRecord[], places: number): DynosimRecord[] {
  return [...records.slice(places), ...records.slice(0, places)];
}

describe.each([
  ["aggregated", undefined],
  ["disaggregated", { prefill: {}, decode: {} }],
])("recorded requests that look alike, %s", (_, pools) => {
  const run = recorded(pools);

  it.each([0, 1, 7, 11, 17])(
    "are told apart by where they went and when, in whatever order they stand: %i",
    (places) => {
      expect(checkDynosimCase({ ...run, records: turned(run.records, places) }).firstDifference).toBeNull();
    },
  );

  it("are still a difference where one went where it costs more", () => {
    const elsewhere = run.records.map((record, i) =>
      i === 20 ? { ...record, decode_worker_idx: (record.decode_worker_idx! + 1) % 3 } : record,
    );
    expect(checkDynosimCase({ ...run, records: elsewhere }).passed).toBe(false);
  });
});
