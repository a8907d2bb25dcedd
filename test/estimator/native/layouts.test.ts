import { describe, expect, it } from "vitest";
import { type EngineSpec, engineLayout } from "#src/estimator";
import { openEngine } from "../../../src/estimator/native/open.ts";
import { completeTables, madeUpData, PLAIN } from "./made-up.ts";

const data = madeUpData(completeTables());
const spec: EngineSpec = { model: "test/plain", system: "h200_sxm", backend: "vllm", parallelism: "tp1" };
const open = (model: string, parallelism: string, change: Partial<EngineSpec> = {}) =>
  openEngine({ ...spec, model, parallelism, ...change }, data);
const withHeads = (heads: number) => ({
  ...data,
  model: () => ({ ...PLAIN, heads, kvHeads: heads, headSize: 64, hiddenSize: heads * 64 }),
});

describe("attention heads", () => {
  it.each([
    [16, 8, 4],
    [12, 4, 3],
    [32, 16, 8],
    [24, 5, 6],
  ])("[R167] %i heads refuse TP %i: at most heads / 4 = %i", (heads, tp, most) => {
    expect(() => openEngine({ ...spec, parallelism: `tp${tp}` }, withHeads(heads))).toThrow(
      expect.objectContaining({
        code: "ESTIMATOR_HEADS",
        message: `AssertionError: num_heads ${heads} should be divisible by tp_size ${tp} and the division result should be >= 4`,
        hint: expect.stringContaining(`set max_num_gpus_per_engine to ${most}`),
      }),
    );
    const widest = openEngine({ ...spec, parallelism: `tp${most}` }, withHeads(heads));
    expect(widest.facts.layout.tp).toBe(most);
  });

  it("[R168] online profiling has no such limit: it asks only that heads divide", () => {
    const online = openEngine({ ...spec, parallelism: "tp8", leastHeadsPerGpu: 1 }, withHeads(16));
    expect(online.context(1, 512).ms).toBeGreaterThan(0);
    expect(() => openEngine({ ...spec, parallelism: "tp3", leastHeadsPerGpu: 1 }, withHeads(16))).toThrow(
      /num_heads 16 should be divisible by tp_size 3$/,
    );
  });
});

describe("layouts that can't be built", () => {
  it.each([
    ["test/plain", "tep4", /no experts to spread/],
    ["test/plain", "dep4", /no experts to spread/],
    ["test/experts", "dep3", /64 experts don't spread evenly over 3/],
    ["test/experts", "tp4pp1dp1etp2ep1", /attention takes 4 × 1 GPUs, experts 2 × 1/],
    ["test/plain", "tp1pp16", /10 layers don't fill 16 pipeline stages/],
  ])("%s refuses %s", (model, parallelism, message) => {
    expect(() => open(model, parallelism)).toThrow(
      expect.objectContaining({ code: "ESTIMATOR_LAYOUT_IMPOSSIBLE", message: expect.stringMatching(message) }),
    );
  });

  it("refuses experts that would be narrower than their scale block", () => {
    const quantization = { moe: "fp8_block" };
    expect(() => open("test/experts", "tp8", { quantization })).toThrow(
      /leave 192 each, no multiple of their scale block 128/,
    );
    expect(open("test/experts", "tp4", { quantization }).facts.quantization.moe).toBe("fp8_block");
  });

  it("refuses number formats that are none", () => {
    expect(() => open("test/plain", "tp1", { quantization: { gemm: "fp8blok" } })).toThrow(
      expect.objectContaining({ code: "ESTIMATOR_FORMAT", where: "quantization.gemm" }),
    );
  });
});

describe("labels", () => {
  it("may name pipeline stages, or every size one by one", () => {
    expect(engineLayout("tp4pp2")).toEqual({ tp: 4, pp: 2, attentionDp: 1, moeTp: 4, moeEp: 1, gpus: 8 });
    expect(engineLayout("tp2pp1dp4etp2ep4")).toEqual({ tp: 2, pp: 1, attentionDp: 4, moeTp: 2, moeEp: 4, gpus: 8 });
    expect(open("test/experts", "tp4pp1dp1etp2ep2").facts.layout.gpus).toBe(4);
  });
});
