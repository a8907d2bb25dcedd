import { describe, expect, it } from "vitest";
import { capacityLines, outOfMemoryLine } from "#src/deployment";
import { deploymentDied } from "../../../src/profiler/thorough/errors.ts";
import { kvCapacityOf } from "../../../src/profiler/thorough/kv-capacity.ts";

const VLLM = `INFO 11-24 10:00:00 [gpu_worker.py:298] Available KV cache memory: 68.77 GiB
INFO 11-24 10:00:00 [kv_cache_utils.py:1087] GPU KV cache size: 643,888 tokens
INFO 11-24 10:00:00 [kv_cache_utils.py:1091] Maximum concurrency for 40,960 tokens per request: 15.72x
`;
const SGLANG = `[2026-03-01 12:00:00 TP0] Load weight end. elapsed=3.1 s
[2026-03-01 12:00:00 TP0] KV Cache is allocated. #tokens: 945029, K size: 28.84 GB, V size: 28.84 GB
`;
const TRTLLM = `[TensorRT-LLM][INFO] [MemUsageChange] Allocated 1.00 GiB for max tokens in paged KV cache (8224).
[TensorRT-LLM][INFO] [MemUsageChange] Allocated 61.31 GiB for max tokens in paged KV cache (502272).
`;

describe("KV capacity from a worker's log", () => {
  it("[R076] vLLM tells the context length and how many times it fits: their product, rounded down", () => {
    expect(kvCapacityOf(VLLM, "vllm", 1, "0.8")).toEqual({ maxKvTokens: 643_891, warnings: [] });
  });

  it("[R076] vLLM and SGLang speak of one attention rank; until 0.6 vLLM's number was taken as it stands", () => {
    expect(kvCapacityOf(VLLM, "vllm", 8, "1.0").maxKvTokens).toBe(8 * 643_891);
    expect(kvCapacityOf(VLLM, "vllm", 8, "0.6").maxKvTokens).toBe(643_891);
    expect(kvCapacityOf(SGLANG, "sglang", 1, "0.6").maxKvTokens).toBe(945_029);
    expect(kvCapacityOf(SGLANG, "sglang", 4, "0.6").maxKvTokens).toBe(4 * 945_029);
  });

  it("[R076] TensorRT-LLM allocates twice: the last line counts, until 0.6 the first", () => {
    expect(kvCapacityOf(TRTLLM, "trtllm", 1, "1.0")).toEqual({ maxKvTokens: 502_272, warnings: [] });
    expect(kvCapacityOf(TRTLLM, "trtllm", 4, "0.8").maxKvTokens).toBe(502_272);
    expect(kvCapacityOf(TRTLLM, "trtllm", 1, "0.6").maxKvTokens).toBe(8224);
  });

  it("[R076] what a log does not tell is 0 with a warning; for TensorRT-LLM 100,000", () => {
    for (const backend of ["vllm", "sglang"] as const) {
      const { maxKvTokens, warnings } = kvCapacityOf("nothing here #tokens: 7", backend, 1, "1.0");
      expect(maxKvTokens).toBe(0);
      expect(warnings.join()).toContain(`the log of the ${backend} worker does not tell its KV capacity`);
    }
    const { maxKvTokens, warnings } = kvCapacityOf("", "trtllm", 1, "1.0");
    expect(maxKvTokens).toBe(100_000);
    expect(warnings).toHaveLength(1);
  });

  it("[R076] what local workers write in each backend's wording is read back", () => {
    for (const backend of ["vllm", "sglang", "trtllm"] as const) {
      const lines = capacityLines(
        { backend, tokens: 123_456, bytesPerToken: 131_072, contextLength: 8192 },
        new Date(),
      );
      const { maxKvTokens } = kvCapacityOf(lines.join("\n"), backend, 1, "1.0");
      // vLLM's log has two decimals.
      expect(Math.abs(maxKvTokens - 123_456)).toBeLessThanOrEqual(backend === "vllm" ? 0.005 * 8192 + 1 : 0);
    }
  });

  it("[R170] a log that ends for want of memory brings the remedies", () => {
    for (const backend of ["vllm", "sglang", "trtllm"] as const) {
      const reason = deploymentDied("worker/0", "exit code 1", `loading\n${outOfMemoryLine(backend)}\n`);
      expect(reason).toContain(outOfMemoryLine(backend));
      for (const remedy of [
        "gpu_memory_utilization",
        "max_batch_size",
        "--max-context-length",
        "fewer GPUs",
        "quantized",
      ]) {
        expect(reason).toContain(remedy);
      }
    }
    expect(deploymentDied("worker/0", "signal SIGKILL", "loading")).not.toContain("quantized");
  });
});
