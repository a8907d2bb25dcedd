import type { Dialect } from "../types.ts";

/** What counts where an input says nothing: of flags and profiling configs, and of v1beta1 requests (R028 and the flags' own defaults). */
export const PRESETS = {
  legacy: { isl: 3000, osl: 500, ttftMs: 50, itlMs: 10, timeoutS: 1800, backend: "vllm" },
  spec: { isl: 4000, osl: 1000, ttftMs: 2000, itlMs: 30, timeoutS: 3600, backend: "auto" },
} as const;

export function presetsOf(dialect: Dialect): (typeof PRESETS)["legacy" | "spec"] {
  return dialect === "1.0" ? PRESETS.spec : PRESETS.legacy;
}

export const GRANULARITY = { prefill: 16, decode: 6 };
export const OUTPUT_DIR = "profiling_results";
export const MODEL_CACHE_MOUNT = "/opt/model-cache";
export const WEBUI = { port: 8000, host: "127.0.0.1", timeoutS: 3600 };

/** GPUs of an engine and a node where nothing says or shows them; `zero` is for those who ask for the automatic by 0. */
export const HARDWARE = { min: 1, max: 8, maxForZero: 4, perNode: 8 };
/** Most nodes of one MoE engine. */
export const MOE_NODES = 4;
