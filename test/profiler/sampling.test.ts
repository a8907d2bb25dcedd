import { readFileSync } from "node:fs";
import fc from "fast-check";
import { expect, it } from "vitest";
import { decodePlan, prefillIsls, requestCounts } from "#src/profiler";
import { describeWithReference, referencePath } from "../reference.ts";

it("[R099] spreads the loads of 1073 requests as the profiler's documentation prints them", () => {
  expect(requestCounts(1073, 6)).toEqual([1, 215, 429, 644, 858, 1073]);
  expect(requestCounts(837, 6)).toEqual([1, 168, 335, 502, 669, 837]);
});

it("takes every load where fewer fit than are wanted", () => {
  expect(requestCounts(4, 6)).toEqual([1, 2, 3, 4]);
  expect(requestCounts(0, 6)).toEqual([]);
});

it("never asks for more than 2000 requests at once", () => {
  expect(requestCounts(10_000, 6).at(-1)).toBe(2000);
});

it("keeps loads to multiples of the attention ranks", () => {
  expect(requestCounts(100, 6, 8)).toEqual([8, 24, 40, 56, 72, 96]);
  expect(requestCounts(20, 6, 8)).toEqual([8, 16]);
  expect(requestCounts(7, 6, 8)).toEqual([]);
});

it("keeps the loads ascending, distinct, within the capacity and from one an attention rank, whatever is asked", () => {
  const ranks = fc.integer({ min: 1, max: 16 });
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 5000 }), fc.integer({ min: 2, max: 40 }), ranks, (most, granularity, dp) => {
      const counts = requestCounts(most, granularity, dp);
      expect(counts.length).toBe(Math.min(granularity, Math.floor(Math.min(most, 2000) / dp)));
      counts.forEach((count, i) => {
        expect(count % dp).toBe(0);
        expect(count).toBeGreaterThan(counts[i - 1] ?? 0);
      });
      if (counts.length > 0) {
        expect(counts[0]).toBe(dp);
        expect(counts.at(-1)).toBeLessThanOrEqual(Math.min(most, 2000));
      }
    }),
  );
});

it("steps the prompt lengths over a 40960-token context as the profiler does", () => {
  const isls = prefillIsls(40_960);
  expect(isls).toHaveLength(17);
  expect(isls.slice(0, 3)).toEqual([100, 2621, 5142]);
  expect(isls.at(-1)).toBe(40_436);
});

it("steps the decode contexts over a 40960-token context as the profiler does", () => {
  const { points, warnings } = decodePlan({ maxContext: 40_960, maxKvTokens: 502_272 });
  expect(new Set(points.map((point) => point.contextLength))).toEqual(
    new Set([350, 7093, 13_836, 20_579, 27_322, 34_065]),
  );
  expect(points.filter((point) => point.contextLength === 350).map((point) => point.requests)).toEqual([
    1, 168, 335, 502, 669, 837,
  ]);
  expect(warnings).toEqual([]);
});

it("stops with a warning at the first context of which the KV cache holds no request", () => {
  const { points, warnings } = decodePlan({ maxContext: 40_960, maxKvTokens: 10_000 });
  expect(new Set(points.map((point) => point.isl))).toEqual(new Set([100, 6843]));
  expect(warnings).toHaveLength(1);
  expect(warnings[0]).toContain("max_kv_tokens 10000 is too small for isl 13586 + osl 500, skipping.");
});

it("refuses a context that leaves no room, and a KV cache that holds nothing", () => {
  expect(() => prefillIsls(612)).toThrow(expect.objectContaining({ code: "PROFILER_CONTEXT_TOO_SMALL" }));
  expect(prefillIsls(613)).toEqual([100]);
  expect(() => decodePlan({ maxContext: 600, maxKvTokens: 1e6 })).toThrow(
    expect.objectContaining({ code: "PROFILER_CONTEXT_TOO_SMALL" }),
  );
  expect(() => decodePlan({ maxContext: 16_384, maxKvTokens: 599 })).toThrow(
    expect.objectContaining({ code: "PROFILER_KV_TOO_SMALL" }),
  );
});

describeWithReference("sampling against profiles that the profiler wrote", () => {
  it.each(["online_vllm_qwen3-0.6b_tp1.json", "aic_trtllm_qwen3-32b_h200_p-tp1_d-tp2.json"])(
    "chooses every point of %s",
    (file) => {
      const recorded = JSON.parse(readFileSync(referencePath("profiles", file), "utf8"));
      expect(prefillIsls(40_960)).toEqual(recorded["prefill_raw_data.json"].prefill_isl);
      const decode = recorded["decode_raw_data.json"];
      const maxKvTokens = [decode.max_kv_tokens].flat()[0];
      const { points } = decodePlan({ maxContext: 40_960, maxKvTokens });
      expect(points.map((point) => point.kvUsage)).toEqual(decode.x_kv_usage);
      expect(points.map((point) => point.contextLength)).toEqual(decode.y_context_length);
    },
  );
});
