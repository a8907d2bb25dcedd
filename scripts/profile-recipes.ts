import type { EngineSpec } from "#src/estimator";

/** How one shipped profile is made. */
export interface ProfileRecipe {
  name: string;
  /** GPU as people name it. */
  gpu: string;
  engine: EngineSpec;
}

/** Sampling of every shipped profile: twice as fine as the profiler's default, because an estimate costs no GPU time. */
export const SHIPPED_SAMPLING = { maxContext: 16_384, prefillGranularity: 32, decodeGranularity: 12 } as const;

// The checkpoint's configuration, with its weights in FP8 and its KV cache in 16 bits: what the 8B model is mostly served as.
const llama8b = {
  model: "meta-llama/Meta-Llama-3.1-8B",
  backend: "trtllm",
  parallelism: "tp1",
  quantization: { gemm: "fp8", kvcache: "bfloat16" },
} as const;
const llama70b = { model: "nvidia/Llama-3.1-70B-Instruct-FP8", backend: "trtllm", parallelism: "tp4" } as const;

/** The profiles in profiles/data, made by scripts/make-profiles.ts. */
export const SHIPPED_PROFILES: readonly ProfileRecipe[] = [
  {
    name: "h100-llama-3.1-8b-fp8-tp1-estimate",
    gpu: "H100 SXM",
    engine: { ...llama8b, system: "h100_sxm" },
  },
  {
    name: "h200-llama-3.1-8b-fp8-tp1-estimate",
    gpu: "H200 SXM",
    engine: { ...llama8b, system: "h200_sxm" },
  },
  {
    name: "b200-llama-3.1-8b-fp8-tp1-estimate",
    gpu: "B200 SXM",
    engine: { ...llama8b, system: "b200_sxm" },
  },
  {
    name: "h100-llama-3.1-70b-fp8-tp4-estimate",
    gpu: "H100 SXM",
    engine: { ...llama70b, system: "h100_sxm" },
  },
  {
    name: "h200-llama-3.1-70b-fp8-tp4-estimate",
    gpu: "H200 SXM",
    engine: { ...llama70b, system: "h200_sxm" },
  },
  {
    name: "b200-llama-3.1-70b-fp8-tp4-estimate",
    gpu: "B200 SXM",
    engine: { ...llama70b, system: "b200_sxm" },
  },
  {
    name: "h200-qwen3-32b-fp8-tp2-estimate",
    gpu: "H200 SXM",
    engine: { model: "Qwen/Qwen3-32B-FP8", system: "h200_sxm", backend: "vllm", parallelism: "tp2" },
  },
  {
    name: "h200-qwen3-235b-a22b-fp8-tep8-estimate",
    gpu: "H200 SXM",
    engine: { model: "Qwen/Qwen3-235B-A22B-FP8", system: "h200_sxm", backend: "trtllm", parallelism: "tep8" },
  },
  {
    name: "l40s-qwen3-8b-bf16-tp1-estimate",
    gpu: "L40S",
    engine: { model: "Qwen/Qwen3-8B", system: "l40s", backend: "vllm", parallelism: "tp1" },
  },
  {
    name: "l40s-qwen3-0.6b-bf16-tp1-estimate",
    gpu: "L40S",
    engine: { model: "Qwen/Qwen3-0.6B", system: "l40s", backend: "vllm", parallelism: "tp1" },
  },
];
