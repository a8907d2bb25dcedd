import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { UserError } from "#common";
import { DYNOSIM_ENGINE_QUIRKS, ENGINE_QUIRK_NAMES, type EngineQuirks } from "#mocker/engine";
import { type DynosimRecord, parseDynosimCase } from "../../../src/conformance/dynosim/case.ts";
import { dynosimRecords } from "../../../src/conformance/dynosim/records.ts";
import { type ReplayQuirks, replayDynosimCase } from "../../../src/conformance/dynosim/run.ts";
import { caseFolder, madeCase, type TraceLine, writeTrace } from "./made-case.ts";

const folder = caseFolder();
const FIXED = { type: "fixed", prefill_ms: 100, decode_ms: 10 };
let traces = 0;

type Parts = NonNullable<Parameters<typeof madeCase>[1]>;

/** Replays a trace with all quirks but those named. */
function replay(lines: TraceLine[], parts: Parts, off: ReplayQuirks = {}): DynosimRecord[] {
  const trace_files = writeTrace(folder, `trace-${traces++}.jsonl`, lines);
  const run = parseDynosimCase(madeCase({ trace_files }, parts), join(folder, "made.json"));
  const results = (["stepping", "skipping"] as const).map((engine) => {
    const { workload, result } = replayDynosimCase(run, engine, off);
    return dynosimRecords(result, workload);
  });
  expect(results[1]).toEqual(results[0]);
  return results[0]!;
}

function without(quirk: keyof EngineQuirks): ReplayQuirks {
  return { engine: { ...DYNOSIM_ENGINE_QUIRKS, [quirk]: false } };
}

/** One line per prompt, all at time 0, contents unique. */
function prompts(...lengths: [isl: number, osl: number][]): TraceLine[] {
  return lengths.map(([input_length, output_length]) => ({ timestamp: 0, input_length, output_length }));
}

const prefillMs = (tokens: number) => 4.209989e-7 * tokens * tokens + 1.518344e-2 * tokens + 16.50142;

describe("DynoSim's quirks, each by a case that it changes", () => {
  it("names all switches of the engine", () => {
    expect(ENGINE_QUIRK_NAMES.length).toBe(15);
  });

  it("integerMeans: 250 prompt tokens of three requests are charged as 249", () => {
    const lines = prompts([83, 1], [83, 1], [84, 1]);
    expect(replay(lines, {})[0]!.ttft_ms).toBeCloseTo(prefillMs(249), 5);
    expect(replay(lines, {}, without("integerMeans"))[0]!.ttft_ms).toBeCloseTo(prefillMs(250), 5);
  });

  it("freeOutputRecompute: output lost by a preemption is recomputed for one decode step, else as a prompt", () => {
    // Two sequences of 5 blocks each at their ends in 8 blocks: the second is preempted with 17 tokens generated.
    const lines = prompts([48, 30], [48, 30]);
    const parts = { engine: { num_gpu_blocks: 8, enable_prefix_caching: false } };
    const [, quirky] = replay(lines, parts);
    const [, sensible] = replay(lines, parts, without("freeOutputRecompute"));
    expect([quirky!.readmission_count, sensible!.readmission_count]).toEqual([1, 1]);
    const lost = 17;
    const decodeMs = (context: number) => {
      const usage = context / (8 * 16);
      return -25.74 * usage * usage + 54.01 * usage + 5.74;
    };
    const saved = sensible!.last_token_ms! - quirky!.last_token_ms!;
    expect(saved).toBeCloseTo(prefillMs(48 + lost) - prefillMs(48) - decodeMs(48 + lost), 5);
  });

  it("fifoSkipsNext: the request behind the one that preempted an earlier one loses a pass", () => {
    // Each wants a fifth block for its first token: the first gets the last free one, the second takes the first one's.
    const lines = prompts([64, 40], [64, 40], [64, 40]);
    const parts = { engine: { num_gpu_blocks: 13, preemption_mode: "fifo", timing_model: FIXED } };
    const quirky = replay(lines, parts);
    const sensible = replay(lines, parts, without("fifoSkipsNext"));
    expect(quirky.some((record) => record.readmission_count > 0)).toBe(true);
    const lastTokens = (records: DynosimRecord[]) => records.map((record) => record.last_token_ms);
    expect(lastTokens(quirky)).not.toEqual(lastTokens(sensible));
  });

  it("freeDecodeRecompute: a decode worker recomputes a preempted prompt without prefill time", () => {
    const lines = prompts([48, 30], [48, 30]);
    const parts: Parts = {
      engine: { timing_model: FIXED, enable_prefix_caching: false },
      pools: { prefill: {}, decode: { num_gpu_blocks: 8 } },
    };
    const quirky = replay(lines, parts);
    const sensible = replay(lines, parts, without("freeDecodeRecompute"));
    expect(quirky[1]!.admission_history.map((entry) => entry.pool)).toEqual(["prefill", "decode", "decode"]);
    expect(sensible[1]!.last_token_ms! - quirky[1]!.last_token_ms!).toBeCloseTo(100, 6);
  });

  it("oneReservationPerTrigger: prompts that end together reserve one after the other while a transfer takes time", () => {
    // The first prompt decodes from 101.6 ms on, 10 ms a token; the others end at 201 ms, while it does.
    const late = { timestamp: 101, input_length: 160, output_length: 20 };
    const lines = [...prompts([160, 40]), late, late, late];
    // 160 tokens × 1e5 bytes ÷ 1e10 bytes/s = 1.6 ms.
    const transfer = { kv_transfer_bytes_per_token: 100_000, kv_transfer_bandwidth: 10 };
    const parts: Parts = { engine: { timing_model: FIXED, ...transfer }, pools: { prefill: {}, decode: {} } };
    const reserved = (records: DynosimRecord[]) => records.map((record) => record.destination_reserved_ms);
    const expectTimes = (records: DynosimRecord[], times: number[]) => {
      reserved(records).forEach((ms, i) => {
        expect(ms).toBeCloseTo(times[i]!, 9);
      });
    };
    expectTimes(replay(lines, parts), [100, 201.6, 211.6, 211.6]);
    expectTimes(replay(lines, parts, without("oneReservationPerTrigger")), [100, 201.6, 201.6, 201.6]);
  });

  it("reservationsFirst: a preempted request of a decode worker waits while a reservation is queued, even one that doesn't fit", () => {
    // 12 blocks: the third is preempted when all three want one more for their 17th token; at 300 ms the second ends and
    // leaves room for it, but not for the 8 blocks of the fourth, which has been queued since 250 ms.
    const lines = [...prompts([48, 60], [48, 20], [16, 40]), { timestamp: 150, input_length: 128, output_length: 1 }];
    const parts: Parts = { engine: { timing_model: FIXED }, pools: { prefill: {}, decode: { num_gpu_blocks: 12 } } };
    const readmission = (records: DynosimRecord[]) => records[2]!.admission_history[2]?.at_ms;
    expect(readmission(replay(lines, parts))).toBeCloseTo(700, 9);
    expect(readmission(replay(lines, parts, without("reservationsFirst")))).toBeCloseTo(300, 9);
  });

  const SHORT = { type: "fixed", prefill_ms: 10, decode_ms: 1 };
  const arrivals = (...rows: [atMs: number, isl: number, osl: number][]): TraceLine[] =>
    rows.map(([timestamp, input_length, output_length]) => ({ timestamp, input_length, output_length }));

  it("reservationsFirst: who is transferred waits behind a preempted request that doesn't fit, once no reservation is queued", () => {
    // DynoSim 1.6.1 on these seven: the last gets its blocks at 138 ms, with one that was preempted before it; both are admitted at 152.
    const lines = arrivals(
      [0, 64, 29],
      [1, 98, 16],
      [1, 89, 71],
      [18, 6, 52],
      [41, 57, 12],
      [41, 48, 26],
      [41, 72, 29],
    );
    const parts: Parts = {
      engine: { timing_model: SHORT, enable_prefix_caching: false, max_num_seqs: 3 },
      pools: { prefill: {}, decode: { num_gpu_blocks: 10 } },
    };
    const quirky = replay(lines, parts);
    expect(quirky[6]!.destination_reserved_ms).toBeCloseTo(138, 9);
    expect(quirky[6]!.decode_admit_ms).toBeCloseTo(152, 9);
    expect(quirky[3]!.admission_history[2]!.at_ms).toBeCloseTo(152, 9);
    expect(replay(lines, parts, without("reservationsFirst"))[6]!.decode_admit_ms).toBeLessThan(152);
  });

  it("freeTransferredToken: a transferred request is admitted though a recomputation takes the whole budget", () => {
    // DynoSim 1.6.1 on these six: at 112 ms the fourth recomputes 128 of its 129 tokens, and still the last is admitted beside it; the
    // pass of both takes a decode step, so that the fourth ends one later, at 121 ms.
    const lines = arrivals([28, 77, 18], [28, 16, 10], [28, 80, 33], [36, 79, 58], [44, 160, 59], [50, 128, 2]);
    const parts: Parts = {
      engine: {
        timing_model: SHORT,
        enable_prefix_caching: false,
        preemption_mode: "fifo",
        max_num_seqs: 64,
        max_num_batched_tokens: 128,
      },
      pools: { prefill: { num_gpu_blocks: 4096 }, decode: { num_gpu_blocks: 19 } },
    };
    expect(replay(lines, parts)[3]!.last_token_ms).toBeCloseTo(121, 9);
    expect(replay(lines, parts, without("freeTransferredToken"))[3]!.last_token_ms).toBeCloseTo(120, 9);
  });

  it("oneReservationPerTrigger: a reservation that found no room is not tried again before blocks were released", () => {
    // DynoSim 1.6.1 on these five: the second shares three blocks with the first, so that it would fit beside it once the first is there;
    // it was refused before that, and waits until the first ends at 18 ms.
    const ids = (own: number, shared: number[], count: number) =>
      Array.from({ length: count }, (_, i) => shared[i] ?? own + i);
    const lines = [
      { timestamp: 0, input_length: 190, output_length: 8, hash_ids: ids(100, [1, 2, 3], 12) },
      { timestamp: 0, input_length: 135, output_length: 4, hash_ids: ids(1, [], 9) },
      { timestamp: 0, input_length: 72, output_length: 29, hash_ids: ids(200, [31, 32, 33], 5) },
    ];
    const parts: Parts = {
      engine: { timing_model: SHORT, max_num_seqs: 3 },
      pools: { prefill: { num_gpu_blocks: 4096 }, decode: { num_gpu_blocks: 19 } },
    };
    const reserved = (records: DynosimRecord[]) => records[1]!.destination_reserved_ms;
    expect(reserved(replay(lines, parts))).toBeCloseTo(18, 9);
    expect(reserved(replay(lines, parts, without("oneReservationPerTrigger")))).toBeCloseTo(10, 9);
  });

  it("abortOnStuck: a decode worker whose requests wait for each other aborts the run once nothing else happens", () => {
    // 10 blocks: the second is preempted by the first and comes back when that has ended; it can never hold its prompt and output.
    const lines = prompts([64, 20], [96, 90]);
    const parts: Parts = { engine: { timing_model: SHORT }, pools: { prefill: {}, decode: { num_gpu_blocks: 10 } } };
    expect(() => replay(lines, parts)).toThrow(UserError);
  });

  it("duplicateBlocks: what two requests compute of one content is kept twice", () => {
    // The second request must compute its last token, so it computes the third block again: with the copy the two hold 4 of
    // 5 blocks, without it 3, and then there is room for the third request's 2.
    const shared = { timestamp: 0, input_length: 48, output_length: 2, hash_ids: [1, 2, 3] };
    const lines = [shared, shared, { timestamp: 0, input_length: 32, output_length: 2, hash_ids: [8, 9] }];
    const parts = { engine: { num_gpu_blocks: 5, timing_model: FIXED } };
    const admits = (records: DynosimRecord[]) => records.map((record) => record.first_admit_ms);
    const quirky = replay(lines, parts);
    const sensible = replay(lines, parts, without("duplicateBlocks"));
    expect(admits(quirky)).toEqual([0, 0, 120]);
    expect(admits(sensible)).toEqual([0, 0, 0]);
  });

  it("gateWithoutReservation: room for the rest of an admitted prompt may be taken by the batch before it is computed", () => {
    // 6 blocks: one each for the first two, 4 for the prompt that comes in chunks of 16 tokens. The first wants a second
    // block before the last chunk, the second ends in between.
    const lines = [...prompts([15, 30], [2, 4]), { timestamp: 1, input_length: 64, output_length: 1 }];
    const parts = { engine: { num_gpu_blocks: 6, max_num_batched_tokens: 18, timing_model: FIXED } };
    const readmissions = (records: DynosimRecord[]) => records.map((record) => record.readmission_count);
    expect(readmissions(replay(lines, parts))).toEqual([0, 0, 0]);
    expect(readmissions(replay(lines, parts, without("gateWithoutReservation")))).toEqual([0, 0, 1]);
  });

  it("doubleRounding: with a speed-up a duration is rounded to ns before and after the division", () => {
    const parts = { engine: { speedup_ratio: 2 } };
    const lines = prompts(...Array.from({ length: 40 }, (_, i): [number, number] => [100 + 37 * i, 30]));
    const times = (records: DynosimRecord[]) => records.map((record) => record.last_token_ms!);
    const quirky = times(replay(lines, parts));
    const sensible = times(replay(lines, parts, without("doubleRounding")));
    expect(quirky).not.toEqual(sensible);
    quirky.forEach((ms, i) => {
      expect(Math.abs(ms - sensible[i]!)).toBeLessThan(1e-3);
    });
  });

  it("abortOnStuck: a prompt that no pass can take aborts the run, else it is rejected and the others go on", () => {
    const lines = prompts([100, 2], [1000, 2], [100, 2]);
    const parts = { engine: { max_num_batched_tokens: 512, enable_chunked_prefill: false, timing_model: FIXED } };
    expect(() => replay(lines, parts)).toThrow(UserError);
    expect(() => replay(lines, parts)).toThrow(/effect-free zero-duration pass/);
    const sensible = replay(lines, parts, without("abortOnStuck"));
    expect(sensible.map((record) => record.terminal_status)).toEqual(["completed", "rejected", "completed"]);
  });

  it("fixedPrefillPerPass: fixed prefill time is charged once a pass, not per prompt", () => {
    const lines = prompts([64, 1], [64, 1], [64, 1]);
    const parts = { engine: { timing_model: FIXED } };
    expect(replay(lines, parts)[0]!.ttft_ms).toBe(100);
    expect(replay(lines, parts, without("fixedPrefillPerPass"))[0]!.ttft_ms).toBe(300);
  });

  describe("of sglang", () => {
    const parts = (num_gpu_blocks: number, sglang: Record<string, unknown> = {}): Parts => ({
      engine: { backend: "sglang", block_size: 1, num_gpu_blocks, sglang, timing_model: { ...FIXED, prefill_ms: 10 } },
    });

    it("slotAhead: the last token needs a slot, too", () => {
      // Prompt and output of 15 tokens in 14 slots; the reserve counts a token alone.
      const lines = prompts([10, 5]);
      const engine = parts(14, { clip_max_new_tokens: 1 });
      expect(() => replay(lines, engine)).toThrow(/can never be scheduled/);
      expect(replay(lines, engine, without("slotAhead"))[0]!.terminal_status).toBe("completed");
      expect(replay(lines, parts(15, { clip_max_new_tokens: 1 }))[0]!.terminal_status).toBe("completed");
    });

    it("slotAhead: a prompt whose next token finds no slot is not published", () => {
      const lines = [
        { timestamp: 0, input_length: 50, output_length: 90, hash_ids: [1, 2, 3, 4] },
        { timestamp: 0, input_length: 60, output_length: 25, hash_ids: [11, 12, 13, 14] },
        { timestamp: 20, input_length: 40, output_length: 90, hash_ids: [21, 22, 23] },
      ];
      const { engine } = parts(220, { schedule_conservativeness: 0.01, clip_max_new_tokens: 1 });
      const speculative = { aic_nextn: 1, aic_nextn_accept_rates: "0", timing_model: FIXED };
      const { admission_history } = replay(lines, { engine: { ...engine, ...speculative } })[2]!;
      // Computed again at 1050 ms, and retracted at once: the third admission finds what the second did.
      expect(admission_history.map((one) => one.reused_input_tokens)).toEqual([0, 18, 18]);
    });

    it("slotAhead: of prompts that end together without slots for all, those of one token emit it all the same", () => {
      // Nine of ten pages hold the prompts; the first two want one more each, and find those of the third.
      const lines = prompts([48, 5], [48, 5], [40, 1]);
      const { engine } = parts(10, { clip_max_new_tokens: 1 });
      const firsts = (blocks: number) =>
        replay(lines, { engine: { ...engine, block_size: 16, num_gpu_blocks: blocks } }).map(
          (one) => one.first_token_ms,
        );
      expect(firsts(10)).toEqual([20, 20, 10]);
      expect(firsts(11)).toEqual([10, 10, 10]);
    });

    it("hitsCountAsRoom: a prompt is admitted into the cached pages that it hits", () => {
      const lines = [
        { timestamp: 0, input_length: 32, output_length: 1, hash_ids: [1, 2] },
        { timestamp: 0, input_length: 5, output_length: 60, hash_ids: [3] },
        { timestamp: 55, input_length: 52, output_length: 10, hash_ids: [1, 2, 4, 5] },
      ];
      // Of 70 slots 10 are held, 4 kept for output and 32 cached; it needs 20 new ones and 10 for its output.
      const engine = parts(70, { schedule_conservativeness: 0.1, clip_max_new_tokens: 15 });
      const admitted = (off?: ReplayQuirks) => replay(lines, engine, off)[2]!.first_admit_ms;
      expect(admitted()).toBe(60);
      expect(admitted(without("hitsCountAsRoom"))).toBeGreaterThan(60);
    });

    it("unclampedReserve: more than the whole output of a running request is kept free", () => {
      // At 20 ms the first holds 12 tokens of 116 and has 38 to come: times 1.05, the second's 65 do not fit.
      const lines = [...prompts([10, 40]), { timestamp: 15, input_length: 60, output_length: 5 }];
      const engine = parts(116, { schedule_conservativeness: 1.5 });
      expect(replay(lines, engine)[1]!.first_admit_ms).toBeGreaterThan(20);
      expect(replay(lines, engine, without("unclampedReserve"))[1]!.first_admit_ms).toBe(20);
    });
  });

  it("passesBeforeArrivals: in disaggregated runs an arrival at the very end of a pass waits for the next pass", () => {
    // Prefill passes of one prompt: [0, 100], [100, 200]; the budget of the second has room for the late arrival.
    const lines = [...prompts([64, 1], [48, 1]), { timestamp: 100, input_length: 16, output_length: 1 }];
    const parts: Parts = {
      engine: { timing_model: FIXED, max_num_batched_tokens: 64, enable_chunked_prefill: false },
      pools: { prefill: {}, decode: {} },
    };
    const admitted = (records: DynosimRecord[]) => records.map((record) => record.first_admit_ms);
    expect(admitted(replay(lines, parts))).toEqual([0, 100, 200]);
    expect(admitted(replay(lines, parts, { passesBeforeArrivals: false }))).toEqual([0, 100, 100]);
  });
});
