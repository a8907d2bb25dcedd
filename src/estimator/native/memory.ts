import type { ModelFacts } from "../models/types.ts";
import type { GpuSystem } from "../systems/types.ts";
import type { Backend, EngineLayout, MemoryBreakdown, Quantization } from "../types.ts";
import { cacheBytes, weightBytes } from "./formats.ts";
import { kvHeadsPerGpu } from "./graph.ts";

const MIB = 2 ** 20;

/** What one GPU's memory is filled with, as aiconfigurator 0.12.0 counts it (`backends/*.py`, `memory.py`). */
export interface MemoryInput {
  model: ModelFacts;
  system: GpuSystem;
  backend: Backend;
  backendVersion: string;
  layout: EngineLayout;
  formats: Required<Quantization>;
  memoryFraction?: number;
  maxBatchedTokens: number;
}

/** Tokens of one pass that size the activations, where nothing is said. */
export const DEFAULT_BATCHED_TOKENS = 8192;

export function memoryOf(input: MemoryInput): MemoryBreakdown & { fraction: number } {
  const { model, system, backend, layout } = input;
  const weights = weightsBytes(model, layout, input.formats);
  const activations = activationBytes(input, input.maxBatchedTokens);
  const runtime = system.otherBytes * (backend === "sglang" ? 1.2 : 1);
  const communication = system.ncclBytes[String(Math.min(layout.tp, 8))] ?? largest(system.ncclBytes);
  const taken = weights + activations + runtime + communication;
  const fraction = input.memoryFraction ?? defaultFraction(input);
  const capacity = system.memoryBytes;
  return {
    weightsBytes: weights,
    activationBytes: activations,
    runtimeBytes: runtime,
    communicationBytes: communication,
    // TensorRT-LLM's share is of what the rest leaves free, the others' of the whole.
    kvBudgetBytes: backend === "trtllm" ? (capacity - taken) * fraction : capacity * fraction - taken,
    kvBytesPerToken: kvBytesPerToken(model, layout, input.formats.kvcache),
    capacityBytes: capacity,
    fraction,
  };
}

function largest(bytes: Readonly<Record<string, number>>): number {
  return Math.max(0, ...Object.values(bytes));
}

/** Weights of one rank: those that its context pass reads. A plain model's embedding and logits are two tables, an expert model's one. */
function weightsBytes(model: ModelFacts, layout: EngineLayout, formats: Required<Quantization>): number {
  const { layers, hiddenSize, headSize } = model;
  const { tp } = layout;
  const w = weightBytes(formats.gemm);
  const heads = model.heads / tp;
  const kvHeads = kvHeadsPerGpu(model, layout);
  const grouped = (heads + 2 * kvHeads) * headSize * hiddenSize + heads * headSize * hiddenSize;
  const table = Math.floor(model.vocabSize / tp) * hiddenSize * 2;
  const wholeTable = model.vocabSize * hiddenSize * 2;
  let bytes: number;
  if (!model.moe) {
    const inner = Math.floor(model.intermediateSize / tp);
    const plain = model.family === "gpt";
    const matrices = plain ? 2 : 3;
    bytes = layers * (grouped + matrices * hiddenSize * inner) * w + table + (plain ? wholeTable : table);
  } else {
    const { experts, intermediateSize, sharedExperts } = model.moe;
    const routed =
      (experts * 3 * hiddenSize * intermediateSize * weightBytes(formats.moe)) / (layout.moeTp * layout.moeEp);
    const router = experts * hiddenSize * 2;
    if (model.mla) {
      const shared = 3 * hiddenSize * Math.floor((sharedExperts * intermediateSize) / tp) * w;
      bytes = layers * (latentWeights(model, tp) * w + shared + router + routed) + wholeTable + table;
    } else {
      bytes = layers * (grouped * w + router + routed) + table;
    }
  }
  return bytes / layout.pp;
}

function latentWeights({ hiddenSize, heads, mla }: ModelFacts, tp: number): number {
  if (!mla) return 0;
  const own = heads / tp;
  return (
    hiddenSize * (mla.qLoraRank + mla.kvLoraRank + mla.ropeHeadSize) +
    mla.qLoraRank * own * (mla.nopeHeadSize + mla.ropeHeadSize) +
    mla.kvLoraRank * own * (mla.nopeHeadSize + mla.valueHeadSize) +
    hiddenSize * own * mla.valueHeadSize
  );
}

/** Activations, in multiples of one token's hidden state, by tensor-parallel size; FP16 numbers. */
type Coefficients = Readonly<Record<1 | 2 | 4 | 8, number>>;
const COEFFICIENTS: Readonly<Record<"sglang" | "others", Readonly<Record<ModelFacts["family"], Coefficients>>>> = {
  others: {
    llama: { 1: 11, 2: 6.5, 4: 5, 8: 5 },
    gpt: { 1: 10, 2: 6, 4: 5, 8: 5 },
    moe: { 1: 22, 2: 13, 4: 10, 8: 10 },
    deepseek: { 1: 22, 2: 13, 4: 10, 8: 10 },
    other: { 1: 10, 2: 6, 4: 5, 8: 5 },
  },
  sglang: {
    llama: { 1: 14, 2: 8.5, 4: 6.5, 8: 6.5 },
    gpt: { 1: 13, 2: 8, 4: 6.5, 8: 6.5 },
    moe: { 1: 28, 2: 17, 4: 13, 8: 13 },
    deepseek: { 1: 28, 2: 17, 4: 13, 8: 13 },
    other: { 1: 13, 2: 8, 4: 6.5, 8: 6.5 },
  },
};

export function activationBytes(
  { model, backend, layout }: Pick<MemoryInput, "model" | "backend" | "layout">,
  tokens: number,
): number {
  const width = model.mla ? model.heads * Math.floor(model.hiddenSize / model.heads) : model.heads * model.headSize;
  const table = COEFFICIENTS[backend === "sglang" ? "sglang" : "others"][model.family];
  let bytes = 2 * tokens * width * table[coefficientOf(layout.tp)];
  if (model.family === "deepseek" && model.moe) {
    // Workspace of the dispatch's scales: one FP32 for each 128 numbers.
    const { experts, expertsPerToken } = model.moe;
    bytes += (tokens * width * layout.attentionDp * experts * expertsPerToken * 4) / layout.moeEp / 128;
  }
  bytes = Math.max(bytes, (backend === "sglang" ? 90 : 70) * MIB);
  return backend === "sglang" ? bytes * 1.15 : bytes;
}

function coefficientOf(tp: number): 1 | 2 | 4 | 8 {
  if (tp >= 8) return 8;
  if (tp >= 4) return 4;
  return tp >= 2 ? 2 : 1;
}

/** KV bytes of one token on one rank; latent caches are whole on each. */
export function kvBytesPerToken(model: ModelFacts, layout: EngineLayout, format: string): number {
  return model.layers * cacheBytes(format) * kvNumbersPerLayer(model, kvHeadsPerGpu(model, layout));
}

/** KV bytes of one token with each head counted once. */
export function wholeKvBytesPerToken(model: ModelFacts, format: string): number {
  return model.layers * cacheBytes(format) * kvNumbersPerLayer(model, model.kvHeads);
}

function kvNumbersPerLayer({ headSize, mla }: ModelFacts, heads: number): number {
  return mla ? mla.kvLoraRank + mla.ropeHeadSize : 2 * heads * headSize;
}

/** The share of memory that a backend takes where nobody says otherwise. */
function defaultFraction({ backend, backendVersion, system, layout }: MemoryInput): number {
  if (backend === "trtllm") return 0.9;
  if (backend === "vllm") return /^0\.1[0-9](\.|$)/.test(backendVersion) ? 0.9 : 0.92;
  return sglangStaticFraction(system.memoryBytes, layout);
}

/** SGLang's `mem_fraction_static`, derived from capacity and layout as its ServerArgs does (0.5.16). */
function sglangStaticFraction(capacityBytes: number, { tp, pp, attentionDp }: EngineLayout): number {
  const capacity = capacityBytes / MIB;
  const [chunk, narrowGraph, wideGraph] = sglangTier(capacity / 1024);
  const graph = tp < 4 ? narrowGraph : wideGraph;
  let reserved = 512 + 1.5 * chunk + ((tp * pp) / 8) * 1024 + 2 * graph;
  if (attentionDp > 1) reserved += graph * attentionDp * (graph > 300 ? 4.5 : 3);
  if (capacity > 60 * 1024) reserved = Math.max(reserved, 10 * 1024);
  return Math.round(((capacity - reserved) / capacity) * 1000) / 1000;
}

/** Chunk of prefill tokens, and largest captured batch below and from TP 4 on. */
function sglangTier(gib: number): readonly [number, number, number] {
  if (gib < 20) return [2048, 8, 8];
  if (gib < 35) return [2048, 24, 80];
  if (gib < 60) return [4096, 32, 160];
  if (gib < 160) return [8192, 256, 512];
  return [16384, 512, 512];
}
