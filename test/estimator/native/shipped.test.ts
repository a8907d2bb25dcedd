import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type EngineSpec, nativeEstimator, openNativeEngine } from "#src/estimator";

const spec: EngineSpec = { model: "Qwen/Qwen3-32B", system: "h200_sxm", backend: "trtllm", parallelism: "tp4" };

describe("the shipped tables, as users get them", () => {
  it.each([
    ["Qwen/Qwen3-32B", "h200_sxm", "trtllm", "tp4"],
    ["Qwen/Qwen3-32B-FP8", "h200_sxm", "sglang", "tp2"],
    ["Qwen/Qwen3-32B-FP8", "b200_sxm", "vllm", "tp2"],
    ["Qwen/Qwen3-30B-A3B", "h100_sxm", "vllm", "tep4"],
    ["Qwen/Qwen3-235B-A22B-FP8", "gb200", "trtllm", "dep8"],
    ["deepseek-ai/DeepSeek-V3", "b200_sxm", "sglang", "dep8"],
    ["Qwen/Qwen3-8B", "l40s", "vllm", "tp4"],
  ] as const)(
    "never tell that more work is done sooner: %s on %s with %s %s",
    (model, system, backend, parallelism) => {
      const engine = openNativeEngine({ model, system, backend, parallelism });
      const length = fc.integer({ min: 1, max: 131_072 });
      const batch = fc.integer({ min: 1, max: 1024 });
      const slack = 1 + 1e-12;
      fc.assert(
        fc.property(length, length, batch, batch, (a, b, m, n) => {
          const [short, long] = [Math.min(a, b), Math.max(a, b)];
          const [few, many] = [Math.min(m, n), Math.max(m, n)];
          expect(engine.context(few, short).ms).toBeLessThanOrEqual(engine.context(few, long).ms * slack);
          expect(engine.context(few, short).ms).toBeLessThanOrEqual(engine.context(many, short).ms * slack);
          expect(engine.generation(few, short).ms).toBeLessThanOrEqual(engine.generation(few, long).ms * slack);
          expect(engine.generation(few, short).ms).toBeLessThanOrEqual(engine.generation(many, short).ms * slack);
        }),
        { numRuns: 300 },
      );
    },
  );

  // Mean errors of the analytic kernels where the GPU has a row of its own: within the 12 % that all NVLink systems are held to.
  it.each(
    (["h200_sxm", "b200_sxm", "gb200"] as const).flatMap((system) =>
      (["trtllm", "vllm", "sglang"] as const).map((backend) => [system, backend] as const),
    ),
  )("are met by the analytic kernels that were fitted to them: %s with %s", (system, backend) => {
    const errors = ["Qwen/Qwen3-8B", "Qwen/Qwen3-32B"].flatMap((model) =>
      ["tp1", "tp2", "tp4"].flatMap((parallelism) => {
        const of = (method: "best" | "analytic") =>
          openNativeEngine({ model, system, backend, parallelism, method, sanitise: false });
        const [tables, kernels] = [of("best"), of("analytic")];
        expect(kernels.context(1, 4096).origin).toBe("analytic");
        return [
          ...[512, 2048, 8192, 16_384].map((isl) => kernels.context(1, isl).ms / tables.context(1, isl).ms),
          ...[1, 8, 64, 256].map((batch) => kernels.generation(batch, 4096).ms / tables.generation(batch, 4096).ms),
        ].map((ratio) => Math.abs(ratio - 1));
      }),
    );
    expect(errors.reduce((sum, error) => sum + error, 0) / errors.length).toBeLessThan(0.12);
  });

  it("bound the host's overhead in vLLM's block-quantised products: FP8 is not slower than BF16", () => {
    const itl = (model: string, sanitise: boolean) =>
      openNativeEngine({ model, system: "b200_sxm", backend: "vllm", parallelism: "tp2", sanitise }).generation(
        1,
        4096,
      );
    expect(itl("Qwen/Qwen3-32B-FP8", false).ms).toBeGreaterThan(4 * itl("Qwen/Qwen3-32B", false).ms);
    const bounded = itl("Qwen/Qwen3-32B-FP8", true);
    expect(bounded.ms).toBeLessThan(itl("Qwen/Qwen3-32B", true).ms * 1.2);
    expect(bounded).toMatchObject({ adjusted: true, origin: "table" });
  });

  it("bound the spike of SGLang's block-quantised products around 800 rows on Hopper", () => {
    const open = (sanitise: boolean) =>
      openNativeEngine({
        model: "Qwen/Qwen3-32B-FP8",
        system: "h200_sxm",
        backend: "sglang",
        parallelism: "tp2",
        sanitise,
      });
    expect(open(true).context(1, 768).adjusted).toBe(true);
    expect(open(true).context(1, 768).ms).toBeLessThan(open(false).context(1, 768).ms);
  });

  it("keep the kinds of FP8 apart", () => {
    const of = (gemm: string) =>
      openNativeEngine({ ...spec, backend: "vllm", quantization: { gemm }, sanitise: false }).generation(1, 1024).ms;
    expect(of("fp8_block")).toBeGreaterThan(1.3 * of("fp8"));
  });
});

describe("an engine without measurements", () => {
  it("takes the analytic form of the nearest GPU", () => {
    const engine = openNativeEngine({ ...spec, system: "h100_pcie" });
    expect(engine.context(1, 2000).origin).toBe("analytic");
    expect(engine.facts.source).toContain("h100_pcie");
    const sxm = openNativeEngine({ ...spec, system: "h100_sxm" });
    expect(engine.context(1, 2000).ms).toBeGreaterThan(sxm.context(1, 2000).ms);
    expect(engine.context(1, 2000).ms).toBeLessThan(10 * sxm.context(1, 2000).ms);
  });
});

describe("a whole engine", () => {
  it("counts the batches and the cache of all attention ranks", async () => {
    const whole = nativeEstimator({ ...spec, model: "Qwen/Qwen3-30B-A3B", parallelism: "dep4" });
    const rank = openNativeEngine({ ...spec, model: "Qwen/Qwen3-30B-A3B", parallelism: "dep4" });
    expect(whole.maxKvTokens).toBe(4 * rank.kvTokensPerRank);
    const { itlMs, throughputPerGpu } = await whole.decode(64, 2000, 200);
    expect(itlMs).toBe(rank.meanGeneration(16, 2000, 200).ms);
    expect(throughputPerGpu).toBeCloseTo((64 * 1000) / itlMs / 4, 9);
    expect(await whole.prefillMs(3000)).toBe(rank.context(1, 3000).ms);
    await expect(whole.decode(30, 2000, 200)).rejects.toMatchObject({ code: "ESTIMATOR_QUESTION" });
    await expect(whole.prefillMs(0.5)).rejects.toMatchObject({ code: "ESTIMATOR_QUESTION" });
  });

  it("says what its numbers rest on", async () => {
    const unmeasured = nativeEstimator({ ...spec, system: "h100_pcie" });
    expect(unmeasured.adjustments).toEqual([]);
    await unmeasured.prefillMs(1000);
    expect(unmeasured.adjustments).toEqual(["1 of 1 times rest on analytic kernels in part"]);
    const older = nativeEstimator({ ...spec, backendVersion: "0.20.0" });
    expect(older.adjustments[0]).toMatch(/version 0\.20\.0 was asked for, the measurements are of 1\.3/);
  });
});
