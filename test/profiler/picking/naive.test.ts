import { describe, expect, it } from "vitest";
import { type NaiveModel, naivePick, naiveWeightBytes } from "../../../src/profiler/picking/naive.ts";

const QWEN_05B: NaiveModel = {
  id: "Qwen/Qwen2.5-0.5B",
  layers: 24,
  hiddenSize: 896,
  intermediateSize: 4864,
  vocabSize: 151_936,
  mla: false,
};
const SEVENTY_B: NaiveModel = {
  id: "some/70b",
  layers: 80,
  hiddenSize: 8192,
  intermediateSize: 28_672,
  vocabSize: 128_256,
  mla: false,
};
const EXPERTS = { ...SEVENTY_B, moe: { experts: 64, intermediateSize: 2048 } };
const SLA = { ttftMs: 2000, itlMs: 30 };

describe("[R200] a configuration for what no estimator covers", () => {
  it("guesses 16-bit weights from the sizes", () => {
    const h = 8192;
    expect(naiveWeightBytes(SEVENTY_B)).toBe(2 * (128_256 * h + 80 * (4 * h * h + 3 * h * 28_672 + 4 * h)));
    expect(naiveWeightBytes(EXPERTS)).toBe(2 * (128_256 * h + 80 * (4 * h * h + 3 * h * 2048 * 64 + h * 64 + 4 * h)));
  });

  it("uses as few GPUs an engine as hold the weights half again, and all there are", () => {
    // 1.5 · 160 GB on 45 GiB GPUs: five, so eight.
    const pick = naivePick({
      model: SEVENTY_B,
      backend: "sglang",
      system: "l40s",
      memoryGib: 45,
      totalGpus: 32,
      sla: SLA,
    });
    expect(pick).toMatchObject({
      mode: "agg",
      by: "naive",
      backend: "sglang",
      agg: { layout: { tp: 8, gpus: 8 }, replicas: 4, batchSize: 128 },
      gpus: 32,
      ttftMs: 0,
      itlMs: 0,
    });
    const small = naivePick({
      model: QWEN_05B,
      backend: "auto",
      system: "l40s",
      memoryGib: 45,
      totalGpus: 3,
      sla: SLA,
    });
    expect(small).toMatchObject({ backend: "vllm", agg: { layout: { tp: 1 }, replicas: 3 } });
  });

  it("says that nothing was estimated", () => {
    const { warnings } = naivePick({ model: QWEN_05B, backend: "auto", system: "l40s", sla: SLA });
    expect(warnings).toEqual([
      "SLA is unverified (ttft=2000ms, itl=30ms): no performance estimates are available for model=Qwen/Qwen2.5-0.5B, system=l40s, backend=vllm. Naive fallback will generate a default configuration that may not meet the requested SLA.",
    ]);
  });

  it("says that a model does not fit into the GPUs there are", () => {
    const pick = naivePick({
      model: SEVENTY_B,
      backend: "vllm",
      system: "l4",
      memoryGib: 24,
      gpusPerNode: 4,
      sla: SLA,
    });
    expect(pick.agg!.layout.tp).toBe(4);
    expect(pick.warnings[0]).toContain("Model requires TP=16 to fit in memory, but max TP is 4");
  });

  it("lays experts out side by side, with own requests where latent attention is to have throughput", () => {
    const layout = (mla: boolean, optimization?: "throughput") =>
      naivePick({
        model: { ...EXPERTS, mla },
        backend: "sglang",
        system: undefined,
        sla: SLA,
        ...(optimization === undefined ? {} : { optimization }),
      }).agg!.layout;
    expect(layout(false, "throughput")).toMatchObject({ tp: 8, attentionDp: 1, moeEp: 8 });
    expect(layout(true)).toMatchObject({ tp: 8, attentionDp: 1, moeEp: 8 });
    expect(layout(true, "throughput")).toMatchObject({ tp: 1, attentionDp: 8, moeEp: 8 });
  });
});
