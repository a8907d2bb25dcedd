import { describe, expect, it } from "vitest";
import { GapSketch, RequestStatus, requestTable } from "#src/record";
import type { SimulationResult } from "#src/simulator";
import { type DynosimRecord, readDynosimCase } from "../../../src/conformance/dynosim/case.ts";
import { compareSummaries } from "../../../src/conformance/dynosim/compare.ts";
import { dynosimSummary } from "../../../src/conformance/dynosim/summary.ts";
import { describeWithReference, referencePath } from "../../reference.ts";

interface Outcome {
  isl: number;
  tokens: number;
  arrivalMs: number;
  firstMs: number;
  secondMs: number;
  lastMs: number;
}

/** A result with these outcomes, on one aggregated worker; gaps are not filled in. */
function resultOf(outcomes: Outcome[], parts: Partial<SimulationResult> = {}): SimulationResult {
  const requests = requestTable(outcomes.length);
  outcomes.forEach(({ isl, tokens, arrivalMs, firstMs, secondMs, lastMs }, i) => {
    requests.isl[i] = isl;
    requests.requestedOsl[i] = tokens;
    requests.outputTokens[i] = tokens;
    requests.arrivalMs[i] = arrivalMs;
    requests.firstTokenMs[i] = firstMs;
    requests.secondTokenMs[i] = secondMs;
    requests.lastTokenMs[i] = lastMs;
    requests.status[i] = RequestStatus.completed;
  });
  const durationMs = outcomes.reduce((last, { lastMs }) => Math.max(last, lastMs), 0);
  const noGaps = { count: 0, meanMs: 0, minMs: 0, maxMs: 0, standardDeviationMs: 0, quantileMs: () => 0 };
  return {
    name: "made",
    mode: "agg",
    sla: { ttftMs: Infinity, itlMs: Infinity },
    requests,
    gaps: noGaps,
    perUserThroughput: noGaps,
    durationMs,
    endMs: durationMs,
    gpusPerWorker: { prefill: 0, decode: 1 },
    workers: [{ role: "decode", id: 0, createdMs: 0, readyMs: 0, drainingMs: null, removedMs: null }],
    scalingEvents: [],
    decisions: [],
    timeline: {} as SimulationResult["timeline"],
    engine: {} as SimulationResult["engine"],
    feasible: new Uint8Array(outcomes.length),
    admissions: [],
    ranks: null,
    transfers: null,
    committedPrefillTokens: 0,
    ...parts,
  };
}

function outcome(ttftMs: number, gapMs: number, tokens: number): Outcome {
  return {
    isl: 100,
    tokens,
    arrivalMs: 0,
    firstMs: ttftMs,
    secondMs: tokens > 1 ? ttftMs + gapMs : Number.NaN,
    lastMs: ttftMs + gapMs * (tokens - 1),
  };
}

describe("the summary", () => {
  it("takes percentiles by rounded rank, without interpolation", () => {
    const summary = dynosimSummary(resultOf([10, 20, 30, 40].map((ttft) => outcome(ttft, 1, 3))));
    // Ranks 1.5 → 2 and 2.25 → 2 of 0 … 3.
    expect([summary.median_ttft_ms, summary.p75_ttft_ms, summary.p90_ttft_ms]).toEqual([30, 30, 40]);
    expect(summary.mean_ttft_ms).toBe(25);
    expect(summary.std_ttft_ms).toBeCloseTo(Math.sqrt(125), 12);
  });

  it("counts requests of one token in TTFT but not in TPOT", () => {
    const summary = dynosimSummary(resultOf([outcome(10, 0, 1), outcome(20, 5, 3)]));
    expect([summary.num_ttft_samples, summary.num_tpot_samples]).toEqual([2, 1]);
    expect([summary.mean_tpot_ms, summary.mean_ttst_ms]).toEqual([5, 5]);
  });

  it("is all zeros for an empty sample", () => {
    const summary = dynosimSummary(resultOf([]));
    expect(summary.num_requests).toBe(0);
    for (const key of ["p99_ttft_ms", "mean_tpot_ms", "std_e2e_latency_ms", "request_throughput_rps"]) {
      expect(summary[key], key).toBe(0);
    }
  });

  it("relates what a run of no time served to 1 ns, as DynoSim does", () => {
    const summary = dynosimSummary(resultOf([outcome(0, 0, 1)]), { sla: { ttftMs: 1 } });
    expect([summary.request_throughput_rps, summary.input_throughput_tok_s]).toEqual([1 / 1e-9, 100 / 1e-9]);
    expect(summary.goodput_request_throughput_rps).toBe(1 / 1e-9);
  });

  it("reports a single gap as it is, and several from the sketch", () => {
    const gaps = (...gapsMs: number[]) => {
      const sketch = new GapSketch();
      for (const gapMs of gapsMs) sketch.add(gapMs, 1);
      return dynosimSummary(resultOf([outcome(10, 5, 2)], { gaps: sketch.statistics() }));
    };
    expect(gaps(6.59061).p90_itl_ms).toBe(6.59061);
    // As of two requests of 64 + 2 tokens in DynoSim 1.6.1.
    expect(gaps(6.59061, 6.59061).median_itl_ms).toBeCloseTo(6.5863552872647775, 9);
  });

  it("leaves rejected requests out of everything but their number", () => {
    const result = resultOf([outcome(10, 5, 3), outcome(20, 5, 3)]);
    result.requests.status[1] = RequestStatus.rejected;
    const summary = dynosimSummary(result);
    expect([summary.num_requests, summary.completed_requests, summary.total_input_tokens]).toEqual([2, 1, 100]);
    expect(summary.max_ttft_ms).toBe(10);
  });

  it("reports goodput under the limits that are given", () => {
    const result = resultOf([outcome(10, 5, 3), outcome(30, 5, 3), outcome(10, 9, 3), outcome(10, 0, 1)]);
    const good = (sla: { ttftMs?: number; itlMs?: number; e2eMs?: number }) => {
      const summary = dynosimSummary(result, { sla });
      return [summary.goodput_completed_requests, summary.goodput_output_throughput_tok_s];
    };
    expect(good({ ttftMs: 20, itlMs: 6 })).toEqual([2, 4 / 0.04]);
    expect(good({ ttftMs: 20 })).toEqual([3, 7 / 0.04]);
    expect(good({ e2eMs: 20 })).toEqual([2, 4 / 0.04]);
    expect(dynosimSummary(result)).not.toHaveProperty("goodput_completed_requests");
  });

  it("sums workers' lives and their GPUs, aggregated ones as decode workers", () => {
    const life = { readyMs: 0, drainingMs: null };
    const workers: SimulationResult["workers"] = [
      { role: "prefill", id: 0, createdMs: 0, removedMs: null, ...life },
      { role: "decode", id: 0, createdMs: 0, removedMs: null, ...life },
      { role: "decode", id: 1, createdMs: 10_000, removedMs: 30_000, ...life },
    ];
    const parts = { workers, endMs: 36_000, gpusPerWorker: { prefill: 2, decode: 1 } };
    const summary = dynosimSummary(resultOf([outcome(10, 5, 3)], { ...parts, mode: "disagg" }));
    expect([summary.prefill_worker_seconds, summary.decode_worker_seconds]).toEqual([36, 56]);
    expect(summary.gpu_hours).toBeCloseTo((36 * 2 + 56) / 3600, 12);
  });

  it("counts the best reuse of each request, and that of its first admission", () => {
    const admissions: SimulationResult["admissions"] = [
      { request: 0, pool: "agg", atMs: 0, reusedTokens: 16, readmission: false },
      { request: 1, pool: "agg", atMs: 0, reusedTokens: 0, readmission: false },
      { request: 0, pool: "agg", atMs: 5, reusedTokens: 48, readmission: true },
    ];
    const summary = dynosimSummary(resultOf([outcome(10, 5, 3), outcome(10, 5, 3)], { admissions }));
    expect(summary.prefix_cache_reused_ratio).toBe(48 / 200);
    expect(summary.first_admission_prefix_cache_reused_ratio).toBe(16 / 200);
  });
});

function recordedOutcome(record: DynosimRecord): Outcome {
  return {
    isl: record.input_length,
    tokens: record.output_length,
    arrivalMs: record.arrival_time_ms,
    firstMs: record.first_token_ms!,
    secondMs: record.ttst_ms === null ? Number.NaN : record.first_token_ms! + record.ttst_ms,
    lastMs: record.last_token_ms!,
  };
}

describeWithReference("the summary against recorded ones", () => {
  it.each(["agg_1w_trace_mixed", "agg_1w_100r_sla", "agg_1w_preempt_lifo", "agg_1w_prefix_off", "sglang_1w_50r_c16"])(
    "equals that of %s, from the recorded requests alone",
    (name) => {
      const run = readDynosimCase(referencePath("dynosim", `${name}.json`));
      const admissions = run.records.flatMap((record, request) =>
        record.admission_history.map((entry) => ({
          request,
          pool: entry.pool,
          atMs: entry.at_ms,
          reusedTokens: entry.reused_input_tokens,
          readmission: entry.is_readmission,
        })),
      );
      const { sla_ttft_ms: ttftMs, sla_itl_ms: itlMs } = run.arguments;
      const result = resultOf(run.records.map(recordedOutcome), { admissions });
      const sla = typeof ttftMs === "number" && typeof itlMs === "number" ? { sla: { ttftMs, itlMs } } : {};
      // Gaps and computed tokens stand in no request's record.
      const known = Object.entries(run.summary).filter(
        ([key]) => !/_itl_ms$|throughput_per_user$|^committed_prefill_tokens$/.test(key),
      );
      expect(known.length).toBeGreaterThan(50);
      expect(compareSummaries(dynosimSummary(result, sla), Object.fromEntries(known)).firstDifference).toBeNull();
    },
  );
});
