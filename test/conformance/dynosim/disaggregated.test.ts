import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type DynosimRecord, parseDynosimCase } from "../../../src/conformance/dynosim/case.ts";
import { dynosimRecords } from "../../../src/conformance/dynosim/records.ts";
import { replayDynosimCase } from "../../../src/conformance/dynosim/run.ts";
import { caseFolder, madeCase, writeTrace } from "./made-case.ts";

const folder = caseFolder();
let traces = 0;

type Row = [atMs: number, isl: number, osl: number, ids?: number[]];
type Engine = Record<string, unknown>;

/** One prefill and one decode worker: 10 ms a pass with prompts, 1 ms a pass that decodes. Both engines play it alike. */
function replay(rows: Row[], engine: Engine, pools: { prefill?: Engine; decode?: Engine } = {}): DynosimRecord[] {
  const lines = rows.map(([timestamp, input_length, output_length, hash_ids]) => ({
    timestamp,
    input_length,
    output_length,
    ...(hash_ids === undefined ? {} : { hash_ids }),
  }));
  const timing_model = { type: "fixed", prefill_ms: 10, decode_ms: 1 };
  const parts = {
    engine: { timing_model, max_num_seqs: 64, ...engine },
    pools: { prefill: pools.prefill ?? {}, decode: pools.decode ?? {} },
  };
  const trace_files = writeTrace(folder, `trace-${traces++}.jsonl`, lines);
  const run = parseDynosimCase(madeCase({ trace_files }, parts), join(folder, "made.json"));
  const [stepping, skipping] = (["stepping", "skipping"] as const).map((kind) => {
    const { workload, result } = replayDynosimCase(run, kind);
    return dynosimRecords(result, workload);
  });
  expect(skipping).toEqual(stepping);
  return stepping!;
}

describe("disaggregated runs, with the times of DynoSim 1.6.1", () => {
  it("go round all data-parallel ranks of all workers, a worker's side by side", () => {
    const lines = Array.from({ length: 5 }, (_, i) => ({ timestamp: i, input_length: 20, output_length: 2 }));
    const made = madeCase(
      { trace_files: writeTrace(folder, "ranks.jsonl", lines) },
      { kwargs: { num_prefill_workers: 2 }, pools: { prefill: {}, decode: {} } },
    ) as { normalized_engine_args: Record<string, object> };
    const { prefill_engine_args, decode_engine_args } = made.normalized_engine_args;
    made.normalized_engine_args = {
      prefill_engine_args: { ...prefill_engine_args, dp_size: 2 },
      decode_engine_args: { ...decode_engine_args, dp_size: 3 },
    };
    const { workload, result } = replayDynosimCase(parseDynosimCase(made, join(folder, "made.json")));
    const records = dynosimRecords(result, workload);
    expect(records.map((record) => record.prefill_worker_idx)).toEqual([0, 1, 2, 3, 0]);
    expect(records.map((record) => record.decode_worker_idx).sort()).toEqual([0, 0, 1, 1, 2]);
  });

  it("admit one transferred request, not two, beside a recomputation that takes the whole budget", () => {
    const rows: Row[] = [
      [0, 75, 24],
      [0, 95, 4],
      [0, 2, 5],
      [4, 7, 43],
    ];
    const records = replay(rows, {}, { decode: { num_gpu_blocks: 11, max_num_batched_tokens: 32 } });
    expect(records.map((record) => record.decode_admit_ms)).toEqual([10, 10, 34, 35]);
    expect(records.map((record) => record.last_token_ms)).toEqual([34, 38, 40, 78]);
  });

  it("go on where the one that runs finds no block for its token and preempts itself", () => {
    const rows: Row[] = [
      [0, 7, 24],
      [6, 33, 2],
      [6, 20, 8],
    ];
    const engine = { enable_prefix_caching: false, max_num_batched_tokens: 64 };
    const records = replay(rows, engine, { decode: { num_gpu_blocks: 4 } });
    expect(records.map((record) => record.last_token_ms)).toEqual([36, 22, 30]);
    expect(records[0]!.admission_history.map((admission) => admission.at_ms)).toEqual([0, 10, 22]);
  });

  describe("of trtllm", () => {
    it("reserve the first token's block on the prefill worker", () => {
      const rows: Row[] = [
        [0, 64, 5],
        [0, 82, 6],
      ];
      const records = replay(rows, { backend: "trtllm" }, { prefill: { num_gpu_blocks: 10 } });
      expect(records.map((record) => record.first_admit_ms)).toEqual([0, 10]);
      expect(replay(rows, { backend: "trtllm" }, { prefill: { num_gpu_blocks: 11 } })[1]!.first_admit_ms).toBe(0);
    });

    it("take no time for a prompt that the prefill worker has whole, and hand it over at that instant", () => {
      const rows: Row[] = [
        [0, 80, 40, [0, 1, 2, 3, 4]],
        [38, 80, 3, [0, 1, 2, 3, 4]],
      ];
      const [, second] = replay(rows, { backend: "trtllm" });
      expect([second!.source_held_ms, second!.reused_input_tokens]).toEqual([38, 80]);
      // The decode worker's pass of 38 ms has begun.
      expect([second!.destination_reserved_ms, second!.last_token_ms]).toEqual([39, 42]);
    });

    it("transfer all of a prompt, whatever the decode worker has cached", () => {
      const rows: Row[] = [
        [0, 80, 2, [0, 1, 2, 3, 4]],
        [25, 53, 1, [0, 1, 2, 3]],
      ];
      const transfer = {
        kv_transfer_bandwidth: 10,
        kv_transfer_bytes_per_token: 100_000,
        kv_transfer_timing_mode: "destination_missing",
      };
      const moved = (backend: string) => replay(rows, { backend, ...transfer })[1]!.destination_activated_ms;
      expect(moved("trtllm")).toBeCloseTo(35.64, 9);
      expect(moved("vllm")).toBeCloseTo(35.16, 9);
    });
  });
});
