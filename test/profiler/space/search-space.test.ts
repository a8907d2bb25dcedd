import { describe, expect, it } from "vitest";
import { type Dialect, type HardwareRequest, type SpaceRequest, type SweepModel, searchSpace } from "#src/profiler";

const dense: SweepModel = {
  id: "Qwen/Qwen3-32B",
  architecture: "Qwen3ForCausalLM",
  sizeMib: 62_500,
  heads: 64,
  kvHeads: 8,
  intermediateSize: 25_600,
  maxContextLength: 40_960,
};
const deepseek: SweepModel = {
  id: "deepseek-ai/DeepSeek-R1",
  architecture: "DeepseekV3ForCausalLM",
  sizeMib: 656_000,
  heads: 128,
  kvHeads: 128,
  intermediateSize: 18_432,
  experts: 256,
  quantBlock: 128,
};
const qwenMoe: SweepModel = {
  id: "Qwen/Qwen3-235B-A22B",
  architecture: "Qwen3MoeForCausalLM",
  sizeMib: 448_000,
  heads: 64,
  kvHeads: 4,
  intermediateSize: 12_288,
  experts: 128,
};

function request(dialect: Dialect, hardware: Partial<HardwareRequest> = {}, more: Partial<SpaceRequest> = {}) {
  return {
    dialect,
    backend: "sglang" as const,
    hardware: { gpusPerNode: 8, discovered: false, ...hardware },
    ...more,
  };
}

const labels = (mappings: readonly { label: string }[]) => mappings.map(({ label }) => label);
const texts = (space: { notes: { text: string }[] }) => space.notes.map(({ text }) => text);
const given = { minGpusPerEngine: 1, maxGpusPerEngine: 8 };

describe("GPU counts", () => {
  it("[R067] [R068] sweeps TP of a dense model over powers of two between the bounds, for both phases", () => {
    const space = searchSpace(dense, request("0.8", given));
    expect(space.gpuCounts).toEqual([1, 2, 4, 8]);
    expect(labels(space.prefill)).toEqual(["TP=1", "TP=2", "TP=4", "TP=8"]);
    expect(labels(space.decode)).toEqual(labels(space.prefill));
    expect(texts(space)).toContain("Profiling GPU counts: [1, 2, 4, 8]");
    expect(searchSpace(dense, request("0.8", { minGpusPerEngine: 3, maxGpusPerEngine: 7 })).gpuCounts).toEqual([4]);
  });

  it("[R024] [R197] skips TP1 and TP2 from a minimum of 4 on, and stops after TP8 at a maximum of 8", () => {
    const space = searchSpace(dense, request("0.6", { minGpusPerEngine: 4, maxGpusPerEngine: 8 }));
    expect(labels(space.prefill)).toEqual(["TP=4", "TP=8"]);
    expect(texts(space)).toContain("Profiling dense model GPU counts (TP): [4, 8]");
  });

  it("[R069] [R026] [R157] steps experts by whole nodes in 0.6: TEP for prefill, DEP for decode", () => {
    const hardware = { minGpusPerEngine: 8, maxGpusPerEngine: 32 };
    const space = searchSpace({ ...deepseek, quantBlock: 1 }, request("0.6", hardware));
    expect(space.gpuCounts).toEqual([8, 16, 24, 32]);
    expect(labels(space.prefill)).toEqual(["TEP=8", "TEP=16", "TEP=32"]);
    expect(labels(space.decode)).toEqual(["DEP=8", "DEP=16", "DEP=32"]);
    expect(texts(space)).toContain("Profiling MoE GPU counts (TEP/DEP): [8, 16, 24, 32]");
    expect(space.skipped).toContainEqual(expect.objectContaining({ phase: "decode", label: "DEP=24" }));
  });

  it("[R161] [R024] [R160] finds the least from weights and GPU memory, the most from the node for dense, four nodes for experts", () => {
    const h100 = searchSpace(dense, request("0.8", { vramMib: 81_559, gpuSku: "h100_sxm" }));
    expect(h100.gpuCounts).toEqual([1, 2, 4, 8]);
    const l40s = searchSpace(dense, request("0.8", { vramMib: 46_068 }));
    expect(l40s.gpuCounts).toEqual([2, 4, 8]);
    expect(texts(l40s)).toContain("Auto-generated search space for model Qwen/Qwen3-32B: 2 to 8");

    const experts = (dialect: Dialect, vramMib: number) =>
      texts(searchSpace(deepseek, request(dialect, { vramMib }))).find((text) => text.startsWith("Auto-generated"));
    // 656,000 MiB over 0.9 × 144,384 MiB: six GPUs; eight times that is more than four nodes.
    expect(experts("0.8", 144_384)).toContain("6 to 32");
    expect(experts("0.6", 144_384)).toContain("6 to 32");
    // Three GPUs: eight times that is less than four nodes.
    expect(experts("0.8", 270_000)).toContain("3 to 24");
  });

  it("falls back to 1 and 4 with a warning each where nothing is known", () => {
    const space = searchSpace({ id: "own/model" }, request("0.8"));
    expect(space.gpuCounts).toEqual([1, 2, 4]);
    expect(texts(space)).toEqual(
      expect.arrayContaining([
        "GPU discover is disabled and min_num_gpus_per_engine is not specified, setting to 1",
        "GPU discover is disabled and max_num_gpus_per_engine is not specified, setting to 4",
      ]),
    );
  });

  it("never exceeds the GPU budget, and refuses a model that no allowed number holds", () => {
    expect(searchSpace(dense, request("0.8", { ...given, totalGpus: 4 })).gpuCounts).toEqual([1, 2, 4]);
    expect(() => searchSpace(deepseek, request("0.8", { vramMib: 24_000, gpuSku: "l4", maxGpusPerEngine: 8 }))).toThrow(
      expect.objectContaining({
        code: "PROFILER_NO_GPU_CONFIGURATION",
        message: expect.stringContaining(
          "No valid GPU configuration found for model deepseek-ai/DeepSeek-R1 on the cluster with 8xl4 GPUs per node",
        ),
      }),
    );
  });

  it("[R005] [R157] sweeps no mapping beyond the node for a dense model, whatever the node has", () => {
    for (const gpusPerNode of [2, 4, 8]) {
      const { gpuCounts } = searchSpace({ ...dense, sizeMib: 1000 }, request("0.8", { gpusPerNode, vramMib: 80_000 }));
      expect(gpuCounts.at(-1)).toBe(gpusPerNode);
    }
  });
});

describe("mappings", () => {
  it("[R069] [R075] [R182] tries TEP and DEP for both phases of a mixture of experts in 0.8, several for each count", () => {
    const space = searchSpace(deepseek, request("0.8", { minGpusPerEngine: 8, maxGpusPerEngine: 16 }));
    expect(labels(space.prefill)).toEqual(["TEP=8", "DEP=8", "TEP=16", "DEP=16"]);
    expect(labels(space.decode)).toEqual(["DEP=8", "TEP=8", "DEP=16", "TEP=16"]);
  });

  it("[R158] sweeps experts with grouped-query attention as dense in 0.6, as experts since 0.8", () => {
    expect(searchSpace(qwenMoe, request("0.6", given)).isMoe).toBe(false);
    expect(searchSpace(qwenMoe, request("0.8", given)).isMoe).toBe(true);
    expect(searchSpace(deepseek, request("0.6", given)).isMoe).toBe(true);
  });

  it("[R040] takes the user's word for experts", () => {
    expect(searchSpace(dense, request("0.6", given, { isMoe: true })).isMoe).toBe(true);
    expect(labels(searchSpace(deepseek, request("0.8", given, { isMoe: false })).prefill)).toEqual([
      "TP=1",
      "TP=2",
      "TP=4",
      "TP=8",
    ]);
  });

  it("[R171] leaves a prime number of heads one GPU", () => {
    const falcon: SweepModel = { id: "tiiuae/falcon-7b", heads: 71, intermediateSize: 18_176 };
    const space = searchSpace(falcon, request("0.8", given));
    expect(labels(space.prefill)).toEqual(["TP=1"]);
    expect(space.skipped.filter(({ phase }) => phase === "decode").map(({ label }) => label)).toEqual([
      "TP=2",
      "TP=4",
      "TP=8",
    ]);
    expect(space.skipped[0]!.reason).toBe("TP=2: 71 KV heads do not divide by a TP size of 2");
  });

  it("splits experts, the MLP and its quantisation blocks without remainder", () => {
    const reasons = (model: SweepModel) =>
      searchSpace(model, request("0.8", given)).skipped.map(({ reason }) => reason);
    expect(reasons({ ...deepseek, experts: 12 })).toContain("TEP=8: 12 experts do not divide by 8 ranks");
    expect(reasons({ ...dense, intermediateSize: 12_002 })).toContain(
      "TP=4: an intermediate size of 12002 does not divide by a TP size of 4",
    );
    expect(reasons({ ...dense, intermediateSize: 1536, quantBlock: 128 })).toContain(
      "TP=8: an intermediate size of 1536 over 8 ranks is not whole blocks of 128",
    );
    expect(reasons({ ...dense, intermediateSize: 2048, quantBlock: 128 })).toEqual([]);
  });

  it("leaves out a check of what the model does not say, with a warning", () => {
    const space = searchSpace({ id: "own/model" }, request("0.8", given));
    expect(labels(space.prefill)).toEqual(["TP=1", "TP=2", "TP=4", "TP=8"]);
    expect(texts(space)).toContain(
      "The model's configuration does not say num_key_value_heads: mappings are not checked against it",
    );
  });

  it("names mappings by their degrees since 1.0, and allows an empty search", () => {
    const hardware = { gpuSku: "h200_sxm", vramMib: 144_384, totalGpus: 16 };
    const space = searchSpace(deepseek, request("1.0", hardware));
    expect(labels(space.prefill)).toEqual(["tp8-moeep8", "tp1-dp8-moeep8", "tp16-moeep16", "tp1-dp16-moeep16"]);
    expect(labels(searchSpace(dense, request("1.0", hardware)).decode)).toEqual(["tp1", "tp2", "tp4", "tp8"]);
    const tooSmall = { gpuSku: "l40s", vramMib: 46_068, gpusPerNode: 1, totalGpus: 1 };
    expect(searchSpace(deepseek, request("1.0", tooSmall))).toMatchObject({ prefill: [], decode: [], gpuCounts: [] });
  });
});
