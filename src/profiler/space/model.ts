import type { ModelFacts } from "#src/estimator";
import type { Dialect } from "../types.ts";

/** What the search space depends on of a model. What is unknown is absent: its check is left out with a warning. */
export interface SweepModel {
  id: string;
  architecture?: string;
  /** Size of the weights, MiB. */
  sizeMib?: number;
  heads?: number;
  kvHeads?: number;
  intermediateSize?: number;
  /** Routed experts of one layer. */
  experts?: number;
  /** Scale block of quantised weights, elements. */
  quantBlock?: number;
  /** Longest context, tokens. */
  maxContextLength?: number;
}

/** Architectures with latent attention and experts, which the profiler of 2025 sweeps as a mixture of experts. */
const LATENT_MOE = new Set(["DeepseekV3ForCausalLM", "DeepseekV32ForCausalLM"]);
/** With experts, but attention that splits as that of dense models does: plain TP stays a candidate. */
const GROUPED_QUERY_MOE = new Set(["Qwen3MoeForCausalLM"]);

export function sweepModel(facts: ModelFacts): SweepModel {
  const { moe, formats, maxContextLength } = facts;
  return {
    id: facts.id,
    architecture: facts.architecture,
    sizeMib: facts.weightMib,
    heads: facts.heads,
    kvHeads: facts.kvHeads,
    intermediateSize: facts.intermediateSize,
    ...(moe === undefined ? {} : { experts: moe.experts }),
    ...(formats.block === undefined ? {} : { quantBlock: formats.block }),
    ...(maxContextLength === undefined ? {} : { maxContextLength }),
  };
}

/**
 * Whether a model is swept as a mixture of experts (TEP and DEP) rather than by TP alone. What the user says counts; else the
 * architecture does: until 0.6 that with latent attention alone, since then Qwen3's too (1.0 asks for experts of any kind).
 */
export function sweepsAsMoe(model: SweepModel, dialect: Dialect, told?: boolean): boolean {
  if (dialect === "0.3") return false;
  if (told !== undefined) return told;
  const architecture = model.architecture ?? "";
  if (LATENT_MOE.has(architecture)) return true;
  if (dialect === "0.6") return false;
  return GROUPED_QUERY_MOE.has(architecture) || (dialect === "1.0" && model.experts !== undefined);
}

export function keepsPlainTp(model: SweepModel): boolean {
  return !LATENT_MOE.has(model.architecture ?? "");
}
