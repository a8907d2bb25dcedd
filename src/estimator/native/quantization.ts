import { invalidFormat } from "../errors.ts";
import type { ModelFacts } from "../models/types.ts";
import type { OpTables } from "../tables/types.ts";
import type { Backend, Quantization } from "../types.ts";
import { knownCacheFormats, knownFormats } from "./formats.ts";

/** Checkpoints whose engines keep the KV cache and attention in FP8, unless they say otherwise. */
const NARROW_CHECKPOINTS: ReadonlySet<string> = new Set(["fp8", "fp8_static", "fp8_block", "nvfp4"]);

/**
 * Number formats that an engine runs: what was asked for, else what the checkpoint says, by the rules of aiconfigurator 0.12.0
 * (`models/helpers.py`): FP8 and NVFP4 checkpoints bring an FP8 cache and FP8 attention; vLLM, latent attention and tables
 * without FP8 attention compute it in BF16.
 * @throws UserError for a format that is none
 */
export function resolveFormats(
  model: ModelFacts,
  backend: Backend,
  asked: Quantization,
  tables: OpTables | undefined,
): Required<Quantization> {
  const narrow = NARROW_CHECKPOINTS.has(model.formats.gemm);
  const gemm = valid("gemm", asked.gemm, knownFormats) ?? model.formats.gemm;
  const moe = valid("moe", asked.moe, knownFormats) ?? asked.gemm ?? model.formats.moe;
  const kvcache =
    valid("kvcache", asked.kvcache, knownCacheFormats) ?? (narrow ? "fp8" : (model.formats.kvcache ?? "bfloat16"));
  const fmha = valid("fmha", asked.fmha, knownCacheFormats);
  return { gemm, moe, kvcache, fmha: fmha ?? inferredAttention() };

  function inferredAttention(): string {
    if (!narrow && model.formats.kvcache !== "fp8") return "bfloat16";
    if (backend === "vllm" || model.mla) return "bfloat16";
    const measured = tables?.contextAttentionFormats;
    if (measured && !measured.includes(`fp8/${kvcache}`) && measured.includes(`bfloat16/${kvcache}`)) return "bfloat16";
    return "fp8";
  }
}

function valid(name: string, format: string | undefined, known: readonly string[]): string | undefined {
  if (format !== undefined && !known.includes(format)) throw invalidFormat(name, format, known);
  return format;
}
