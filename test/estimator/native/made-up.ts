import type { ModelFacts } from "#src/estimator";
import type { EngineData } from "../../../src/estimator/native/open.ts";
import { gpuSystem, nearestSystem } from "../../../src/estimator/systems/find.ts";
import type { OpTables } from "../../../src/estimator/tables/types.ts";

/** A plain model of round sizes. */
export const PLAIN: ModelFacts = {
  id: "test/plain",
  origin: "built-in",
  architecture: "LlamaForCausalLM",
  family: "llama",
  layers: 10,
  hiddenSize: 4096,
  heads: 32,
  kvHeads: 8,
  headSize: 128,
  intermediateSize: 12288,
  vocabSize: 128_000,
  qkNorm: false,
  tiedEmbeddings: false,
  formats: { gemm: "bfloat16", moe: "bfloat16" },
  weightMib: 4000,
  weightSource: "sizes",
  parameters: 2e9,
  needsRemoteCode: false,
};

/** The same with 64 experts. */
export const EXPERTS: ModelFacts = {
  ...PLAIN,
  id: "test/experts",
  architecture: "Qwen3MoeForCausalLM",
  family: "moe",
  moe: { experts: 64, expertsPerToken: 4, sharedExperts: 0, intermediateSize: 1536, denseLayers: 0 },
};

/** Latent attention, shared experts. */
export const LATENT: ModelFacts = {
  ...EXPERTS,
  id: "test/latent",
  architecture: "DeepseekV3ForCausalLM",
  family: "deepseek",
  heads: 128,
  kvHeads: 128,
  headSize: 32,
  moe: { experts: 64, expertsPerToken: 4, sharedExperts: 1, intermediateSize: 1536, denseLayers: 1 },
  mla: { kvLoraRank: 512, qLoraRank: 1536, ropeHeadSize: 64, nopeHeadSize: 128, valueHeadSize: 128 },
};

/** Tables that know what they are given, and nothing else. */
export function madeUpTables(known: Partial<OpTables> = {}): OpTables {
  const nothing = () => Number.NaN;
  return {
    system: "h200_sxm",
    backend: "vllm",
    backendVersion: "0.24.0",
    source: "made up",
    gemmFormats: ["bfloat16", "fp8_block"],
    contextAttentionFormats: ["bfloat16/bfloat16", "bfloat16/fp8"],
    generationAttentionFormats: ["bfloat16", "fp8"],
    expertBlocks: [],
    gemm: nothing,
    contextAttention: nothing,
    generationAttention: nothing,
    allReduce: nothing,
    collective: nothing,
    experts: nothing,
    contextMla: nothing,
    generationMla: nothing,
    ...known,
  };
}

/** Tables that know every operation; 10 µs and 1 ns a row or token. */
export function completeTables(known: Partial<OpTables> = {}): OpTables {
  return madeUpTables({
    gemm: (_format, m) => 10 + m / 1000,
    contextAttention: (_fmha, _kv, _shape, batch, tokens) => 10 + (batch * tokens) / 1000,
    generationAttention: (_kv, _shape, batch, context) => 10 + (batch * context) / 1e6,
    allReduce: (_gpus, elements) => 5 + elements / 1e6,
    collective: (_kind, _gpus, elements) => 8 + elements / 1e6,
    experts: (_shape, _format, tokens) => 30 + tokens / 500,
    contextMla: (_fmha, _kv, _gemm, _heads, batch, tokens) => 60 + (batch * tokens) / 500,
    generationMla: (_kv, _gemm, _heads, batch) => 60 + batch / 10,
    ...known,
  });
}

/** Data of the three models above on real GPUs, with the given tables for the backends that they name. */
export function madeUpData(...tables: OpTables[]): EngineData {
  const models = new Map([PLAIN, EXPERTS, LATENT].map((model) => [model.id, model]));
  return {
    model: (id) => models.get(id)!,
    system: gpuSystem,
    nearest: nearestSystem,
    tables: (system, backend) => tables.find((table) => table.system === system && table.backend === backend),
  };
}
