import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type DecodeResult,
  decodeKvBounds,
  type PrefillResult,
  prefillQueueBounds,
  recommendationLines,
  selectEngines,
} from "#src/profiler";
import { mapping } from "../made-engines.ts";

const prefill = (gpus: number, ttftMs: number, throughputPerGpu: number): PrefillResult => ({
  mapping: mapping("TP", gpus),
  ttftMs,
  throughputPerGpu,
  origin: "measured",
});
const decode = (gpus: number, concurrency: number, itlMs: number, throughputPerGpu: number): DecodeResult => ({
  mapping: mapping("TP", gpus),
  concurrency,
  itlMs,
  throughputPerGpu,
  maxKvTokens: 500_000,
  origin: "measured",
});
const sla = { ttftMs: 200, itlMs: 20 };

describe("selection", () => {
  it("[R084] [R087] of prefill engines left of the target takes the highest throughput per GPU, the first of equals", () => {
    const rows = [prefill(1, 260, 30_000), prefill(2, 150, 20_000), prefill(4, 90, 20_000), prefill(8, 60, 9000)];
    expect(selectEngines(rows, [], sla, "0.8").prefill).toBe(rows[1]);
  });

  it("[R085] of decode points left of the target takes the highest throughput per GPU over all mappings and loads", () => {
    const rows = [decode(1, 1, 9, 110), decode(1, 50, 19, 2600), decode(1, 100, 31, 3200), decode(2, 120, 20, 3000)];
    expect(selectEngines([], rows, sla, "0.8").decode).toBe(rows[3]);
  });

  it("[R086] where nothing keeps a target warns and takes the lowest latency", () => {
    const rows = [prefill(1, 260, 30_000), prefill(2, 230, 20_000)];
    const points = [decode(1, 1, 25, 40), decode(2, 1, 22, 20), decode(2, 8, 28, 200)];
    const selection = selectEngines(rows, points, sla, "0.8");
    expect(selection.prefill).toBe(rows[1]);
    expect(selection.decode).toBe(points[1]);
    expect(selection.meets).toEqual({ ttft: false, itl: false });
    expect(selection.notes).toEqual([
      expect.objectContaining({
        level: "warning",
        text: expect.stringContaining(
          "No engine configuration satisfies the TTFT requirement, please try a smaller model or more powerful hardware",
        ),
      }),
      expect.objectContaining({ level: "warning", text: expect.stringContaining("satisfies the ITL requirement") }),
    ]);
    expect(selectEngines(rows, points, sla, "0.6").notes[0]!.text).toBe(
      "No TP size satisfies the TTFT requirement, please try a smaller model or a more powerful GPU SKU",
    );
  });

  it("says that there is nothing to choose from", () => {
    expect(selectEngines([], [], sla, "0.8").notes.map(({ text }) => text)).toEqual([
      "No prefill results produced; skipping recommendations.",
      "No decode results produced; skipping recommendations.",
    ]);
  });

  it("never chooses what another row beats within the target", () => {
    const row = fc.record({
      ttftMs: fc.double({ min: 1, max: 500, noNaN: true }),
      throughputPerGpu: fc.double({ min: 1, max: 1e5, noNaN: true }),
    });
    fc.assert(
      fc.property(fc.array(row, { minLength: 1, maxLength: 20 }), (rows) => {
        const results = rows.map(({ ttftMs, throughputPerGpu }) => prefill(1, ttftMs, throughputPerGpu));
        const { prefill: chosen, meets } = selectEngines(results, [], sla, "0.8");
        const within = results.filter(({ ttftMs }) => ttftMs <= sla.ttftMs);
        expect(meets.ttft).toBe(within.length > 0);
        if (meets.ttft) expect(chosen!.throughputPerGpu).toBe(Math.max(...within.map((r) => r.throughputPerGpu)));
        else expect(chosen!.ttftMs).toBe(Math.min(...results.map((r) => r.ttftMs)));
      }),
    );
  });
});

describe("bounds of a load-based planner", () => {
  it("[R088] scales prefill by how many prompts may wait: more room the further TTFT is below its target", () => {
    expect(prefillQueueBounds(48.37, 50)).toEqual({ upper: expect.closeTo(0.2405, 3), lower: 0.1 });
    expect(prefillQueueBounds(50, 200).upper).toBeCloseTo(3.8, 9);
    expect(prefillQueueBounds(50, 200).lower).toBeCloseTo(2.2, 9);
    expect(prefillQueueBounds(500, 200)).toEqual({ upper: 0.1, lower: 0.1 });
  });

  it("[R088] scales decode by a band around the chosen load's KV usage, within 0.1 and 1", () => {
    expect(decodeKvBounds(decode(4, 1, 5, 50), 3000, 150)).toEqual({ upper: expect.closeTo(0.206, 3), lower: 0.1 });
    expect(decodeKvBounds(decode(4, 80, 5, 50), 3000, 150)).toEqual({
      upper: expect.closeTo(0.692, 6),
      lower: expect.closeTo(0.292, 6),
    });
    expect(decodeKvBounds(decode(4, 160, 5, 50), 3000, 150).upper).toBe(1);
  });

  it("[R089] prints the five lines of the first profiler to the letter", () => {
    const chosen = { prefill: prefill(4, 48.37, 15_505.23), decode: decode(4, 1, 4.83, 51.22) };
    const bounds = {
      prefillQueue: prefillQueueBounds(48.37, 50),
      decodeKvUtilisation: { upper: 0.2, lower: 0.1 },
    };
    expect(recommendationLines(chosen, bounds, "0.3")).toEqual([
      "Analyzing results and generate recommendations...",
      "Suggested prefill TP:4 (TTFT 48.37 ms, throughput 15505.23 tokens/s/GPU)",
      "Suggested planner upper/lower bound for prefill queue size: 0.24/0.10",
      "Suggested decode TP:4 (ITL 4.83 ms, throughput 51.22 tokens/s/GPU)",
      "Suggested planner upper/lower bound for decode kv cache utilization: 0.20/0.10",
    ]);
    expect(recommendationLines(chosen, {}, "0.6")[1]).toMatch(
      /^Suggested number of GPUs for prefill: 4 \(TTFT 48\.37 ms/,
    );
    expect(recommendationLines(chosen, {}, "0.8")[2]).toMatch(
      /^Suggested decode parallel mapping: TP=4 on 4 GPU\(s\) \(ITL/,
    );
  });
});
