import type { GpuSystem } from "../systems/types.ts";

/** How a number format loads a GPU: bytes of one weight, and the matrix units that multiply it. */
interface FormatFacts {
  weightBytes: number;
  unit: "bfloat16" | "fp8" | "fp4" | "int8";
}

/** aiconfigurator 0.12.0, `common.py`, GEMMQuantMode and MoEQuantMode. NVFP4 has an FP8 scale for each 16 weights. */
const FORMATS: Readonly<Record<string, FormatFacts>> = {
  bfloat16: { weightBytes: 2, unit: "bfloat16" },
  float16: { weightBytes: 2, unit: "bfloat16" },
  int8_wo: { weightBytes: 1, unit: "bfloat16" },
  int4_wo: { weightBytes: 0.5, unit: "bfloat16" },
  fp8: { weightBytes: 1, unit: "fp8" },
  fp8_static: { weightBytes: 1, unit: "fp8" },
  fp8_block: { weightBytes: 1, unit: "fp8" },
  fp8_ootb: { weightBytes: 1, unit: "fp8" },
  sq: { weightBytes: 1, unit: "int8" },
  nvfp4: { weightBytes: 9 / 16, unit: "fp4" },
  nvfp4_wo: { weightBytes: 9 / 16, unit: "bfloat16" },
  w4a16_nvfp4: { weightBytes: 9 / 16, unit: "bfloat16" },
  w4afp8: { weightBytes: 0.5, unit: "fp8" },
  w4a16_mxfp4: { weightBytes: 0.5, unit: "bfloat16" },
  w4a16_mxfp4_cutlass: { weightBytes: 0.5, unit: "bfloat16" },
  w4a8_mxfp4_mxfp8: { weightBytes: 0.5, unit: "fp8" },
  w4a8_mxfp4_mxfp8_trtllm: { weightBytes: 0.5, unit: "fp8" },
};

const CACHE_BYTES: Readonly<Record<string, number>> = { bfloat16: 2, float16: 2, fp8: 1, int8: 1 };

export const knownFormats: readonly string[] = Object.keys(FORMATS);
export const knownCacheFormats: readonly string[] = Object.keys(CACHE_BYTES);

/** Bytes of one weight in a format; those of BF16 where the format is unknown. */
export function weightBytes(format: string): number {
  return FORMATS[format]?.weightBytes ?? 2;
}

/** Bytes of one number in a KV cache of a format. */
export function cacheBytes(format: string): number {
  return CACHE_BYTES[format] ?? 2;
}

/** Operations per second of a GPU in a format; those of BF16 where it lacks such matrix units and widens the weights first. */
export function formatFlops(format: string, { flops }: GpuSystem): number {
  return flops[FORMATS[format]?.unit ?? "bfloat16"] ?? flops.bfloat16;
}

/** Whether a GPU multiplies this format in units of less than 16 bits. */
export function isNarrow(format: string, { flops }: GpuSystem): boolean {
  const unit = FORMATS[format]?.unit ?? "bfloat16";
  return unit !== "bfloat16" && flops[unit] !== undefined;
}
