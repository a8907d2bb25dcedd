import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parseDynosimCase } from "../../../src/conformance/dynosim/case.ts";
import { dynosimRecords } from "../../../src/conformance/dynosim/records.ts";
import { replayDynosimCase } from "../../../src/conformance/dynosim/run.ts";
import { caseFolder, madeCase, writeTrace } from "./made-case.ts";

const folder = caseFolder();

describe.each(["stepping", "skipping"] as const)("speculative decoding of trtllm, the %s engine", (engine) => {
  it("takes blocks for all that a draft may bring, of what is cached, too", () => {
    // DynoSim 1.6.1 on these four: drafts of the second and third evict two more of the first's blocks than their tokens do.
    const trace_files = writeTrace(folder, `drafts-${engine}.jsonl`, [
      { timestamp: 0, input_length: 103, output_length: 60, hash_ids: [0, 1, 2, 3, 10, 11, 12] },
      { timestamp: 29, input_length: 102, output_length: 20, hash_ids: [20, 21, 22, 23, 24, 25, 26] },
      { timestamp: 202, input_length: 24, output_length: 13, hash_ids: [30, 31] },
      { timestamp: 298, input_length: 65, output_length: 4, hash_ids: [0, 1, 2, 3, 40] },
    ]);
    const parts = {
      engine: {
        backend: "trtllm",
        block_size: 3,
        num_gpu_blocks: 64,
        timing_model: { type: "fixed", prefill_ms: 100, decode_ms: 10 },
        aic_nextn: 2,
        aic_nextn_accept_rates: "0.3,0.5",
      },
    };
    const run = parseDynosimCase(madeCase({ trace_files }, parts), join(folder, "made.json"));
    const { workload, result } = replayDynosimCase(run, engine);
    const records = dynosimRecords(result, workload);
    expect(records.map((record) => record.reused_input_tokens)).toEqual([0, 0, 0, 30]);
    expect(records.map((record) => record.last_token_ms)).toEqual([530, 730, 730, 870]);
    expect(result.engine.preemptions).toBe(0);
  });
});
