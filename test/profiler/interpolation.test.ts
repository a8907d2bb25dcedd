import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { loadProfile } from "#profiles";
import { engineLayout } from "#src/estimator";
import { decodePlan, interpolateDecode, interpolatePrefill, prefillIsls, prefillThroughputPerGpu } from "#src/profiler";
import { describeWithReference, referencePath } from "../reference.ts";
import { madeSource, mapping } from "./made-engines.ts";

async function engine(kvTokens = 643_891, kind: "TP" | "DEP" = "TP", gpus = 1) {
  const { source, calls } = madeSource({ maxKvTokens: () => kvTokens });
  const open = await source.open("decode", mapping(kind, gpus), "", new AbortController().signal);
  return { open, calls };
}

const sampling = { maxContext: 40_960, granularity: 16 };
const grid = { maxContext: 40_960, granularity: 6 };

describe("prefill interpolation", () => {
  it("[R095] [R097] [R098] asks for TTFT from 100 tokens to the longest context, with throughput per GPU", async () => {
    const { open, calls } = await engine();
    const { samples } = await interpolatePrefill(open, sampling);
    expect(samples!.isl).toEqual(prefillIsls(40_960));
    expect(calls.asked[0]).toBe("prefill TP=1 isl=100");
    expect(calls.asked.at(-1)).toBe("prefill TP=1 isl=40436");
    samples!.isl.forEach((isl, i) => {
      expect(samples!.ttftMs[i]).toBe(10 + isl / 10);
      expect(samples!.throughputPerGpu[i]).toBe((isl / samples!.ttftMs[i]!) * 1000);
    });
  });

  it("[R184] takes 17 lengths at the default granularity of 16", async () => {
    const { open, calls } = await engine();
    await interpolatePrefill(open, sampling);
    expect(calls.asked).toHaveLength(17);
  });

  it("makes no curve of fewer than three lengths, and refuses a context without room", async () => {
    const { open } = await engine();
    const few = await interpolatePrefill(open, { maxContext: 613, granularity: 16 });
    expect(few.samples).toBeUndefined();
    expect(few.warnings).toEqual(["Not enough data points to perform interpolation (need at least 3 points)"]);
    await expect(interpolatePrefill(open, { maxContext: 612, granularity: 16 })).rejects.toThrow(
      "max_context_length 612 is too small to profile prefill",
    );
  });
});

describe("decode interpolation", () => {
  it("[R096] [R097] [R099] [R100] samples loads of each context, KV usage from (ISL + OSL/2) × requests", async () => {
    const { open, calls } = await engine(1073 * 600);
    const { samples } = await interpolateDecode(open, grid);
    const first = samples.batches.filter(({ isl }) => isl === 100);
    expect(first.map(({ batchSize }) => batchSize)).toEqual([1, 215, 429, 644, 858, 1073]);
    expect(calls.asked).toContain("decode TP=1 n=429 isl=100 osl=500");
    expect(new Set(samples.contextLength)).toEqual(new Set([350, 7093, 13_836, 20_579, 27_322, 34_065]));
    samples.batches.forEach(({ isl, batchSize, itlMs }, i) => {
      expect(samples.contextLength[i]).toBe(isl + 250);
      expect(samples.kvUsage[i]).toBe(((isl + 250) * batchSize) / (1073 * 600));
      expect(samples.itlMs[i]).toBe(itlMs);
    });
  });

  it("hears Ctrl-C while an estimator is asked many points at once", async () => {
    const { open, calls } = await engine(40_000_000);
    const abort = new AbortController();
    const options = { maxContext: 40_960, granularity: 60, atOnce: true, signal: abort.signal };
    setImmediate(() => abort.abort(new Error("stop")));
    await expect(interpolateDecode(open, options)).rejects.toThrow("stop");
    expect(calls.asked.length).toBeLessThan(60 * 60);
    const all = await interpolateDecode(open, { ...options, signal: new AbortController().signal });
    expect(all.samples.itlMs).toHaveLength(60 * 60);
  });

  it("[R186] gives ITL and throughput by batch size, beside the columns", async () => {
    const { open } = await engine();
    const { samples } = await interpolateDecode(open, grid);
    expect(samples.batches).toHaveLength(36);
    for (const { batchSize, itlMs, throughputPerGpu, contextLength } of samples.batches) {
      expect(itlMs).toBeCloseTo(4 + batchSize * contextLength * 2e-5, 9);
      expect(throughputPerGpu).toBeCloseTo((batchSize * 1000) / itlMs, 9);
    }
  });

  it("[R185] adds loads where ITL bends most, one a context at a time, only when asked to", async () => {
    const { open } = await engine(600_000);
    // Free until half of the loads, then dear: the bend is there.
    const knee = {
      ...open,
      decode: async (requests: number) => {
        const itlMs = 5 + Math.max(0, requests - 400) * 0.1;
        return { itlMs, throughputPerGpu: (requests * 1000) / itlMs };
      },
    };
    const plain = await interpolateDecode(knee, grid);
    const refined = await interpolateDecode(knee, { ...grid, refine: 3 });
    const loads = (samples: typeof plain.samples) =>
      samples.batches.filter(({ isl }) => isl === 100).map(({ batchSize }) => batchSize);
    expect(loads(plain.samples)).toEqual([1, 200, 400, 600, 800, 1000]);
    expect(loads(refined.samples)).toHaveLength(9);
    const added = loads(refined.samples).filter((load) => !loads(plain.samples).includes(load));
    for (const load of added) expect(Math.abs(load - 400)).toBeLessThanOrEqual(200);
    expect(loads(refined.samples)).toEqual(loads(refined.samples).toSorted((a, b) => a - b));
    expect(refined.samples.kvUsage.every((usage) => usage <= 1)).toBe(true);
  });

  it("adds whole loads of each attention rank", async () => {
    const { open } = await engine(640_000, "DEP", 8);
    const { samples } = await interpolateDecode(open, { ...grid, refine: 2 });
    for (const { batchSize } of samples.batches) expect(batchSize % 8).toBe(0);
  });

  it("stops with a warning at the first context of which the cache holds no request", async () => {
    const { open } = await engine(10_000);
    const { warnings, samples } = await interpolateDecode(open, grid);
    expect(warnings).toEqual(["max_kv_tokens 10000 is too small for isl 13586 + osl 500, skipping."]);
    expect(Math.max(...samples.contextLength)).toBe(7093);
  });

  it("asks one after the other and stops when it is interrupted", async () => {
    const { open, calls } = await engine();
    const abort = new AbortController();
    const slow = {
      ...open,
      decode: async (...args: Parameters<typeof open.decode>) => {
        if (calls.asked.length === 4) abort.abort(new Error("stop"));
        return open.decode(...args);
      },
    };
    await expect(interpolateDecode(slow, { ...grid, signal: abort.signal })).rejects.toThrow("stop");
    expect(calls.asked).toHaveLength(5);
  });
});

describeWithReference("the measured profile of the first profiler", () => {
  it("was sampled up to the longest context itself", () => {
    const { prefill } = loadProfile(referencePath("profiles", "h200-llama31-8b-fp8-tp1"));
    expect(prefillIsls(16_384, 16, 0)).toEqual(prefill.isl);
  });
});

describeWithReference("profiles that Dynamo's profiler wrote", () => {
  it.each([
    ["online_vllm_qwen3-0.6b_tp1.json", "tp1"],
    ["aic_trtllm_qwen3-32b_h200_p-tp1_d-tp2.json", "tp1"],
  ])("come out of the formulas in every derived column of %s, to the last bit", (file, layout) => {
    const recorded = JSON.parse(readFileSync(referencePath("profiles", file), "utf8"));
    const prefill = recorded["prefill_raw_data.json"];
    const decode = recorded["decode_raw_data.json"];
    expect(prefill.prefill_isl).toEqual(prefillIsls(40_960));
    const throughput = prefill.prefill_isl.map((isl: number, i: number) =>
      prefillThroughputPerGpu(isl, prefill.prefill_ttft[i], engineLayout(layout)),
    );
    expect(throughput).toEqual(prefill.prefill_thpt_per_gpu);
    const { points } = decodePlan({ maxContext: 40_960, maxKvTokens: [decode.max_kv_tokens].flat()[0] });
    expect(points.map(({ kvUsage }) => kvUsage)).toEqual(decode.x_kv_usage);
    expect(points.map(({ contextLength }) => contextLength)).toEqual(decode.y_context_length);
  });
});
