import type { ModelFacts } from "../models/types.ts";
import type { GpuSystem } from "../systems/types.ts";
import type { Backend, EngineLayout, Quantization } from "../types.ts";
import { cacheBytes } from "./formats.ts";
import type { Operation, Step } from "./operation.ts";
import {
  contextAttentionOperation,
  generationAttentionOperation,
  sequenceOperation,
  stageOperation,
  streamMicros,
  streamOperation,
  tokenOperation,
} from "./operations.ts";
import type { Timing } from "./timing.ts";

/** All that decides an engine's operations. */
export interface GraphInput {
  model: ModelFacts;
  system: GpuSystem;
  backend: Backend;
  layout: EngineLayout;
  formats: Required<Quantization>;
  timing: Timing;
}

/** Operations of the two kinds of pass, in the order in which they run. */
export interface EngineGraph {
  context: Step[];
  generation: Step[];
}

/**
 * The operations that one GPU runs in a pass, as aiconfigurator 0.12.0's model classes list them (`models/llama.py`, `moe.py`,
 * `deepseek.py`): of each layer norms, projections, attention, MLP or experts, and what is exchanged between GPUs; once embedding
 * and logits.
 */
export function denseGraph(input: GraphInput): EngineGraph {
  const { model, system, layout, formats, timing } = input;
  const { layers } = model;
  const inner = Math.floor(model.intermediateSize / layout.tp);
  const gated = model.family !== "gpt";
  const mlp: Operation[] = [
    tokenOperation("gate_up_gemm", layers, timing.gemm(formats.gemm, (gated ? 2 : 1) * inner, model.hiddenSize)),
    streamOperation("activation", layers, system, (gated ? 6 : 4) * inner),
    tokenOperation("down_gemm", layers, timing.gemm(formats.gemm, model.hiddenSize, inner, true)),
  ];
  const { tp } = layout;
  const shared = [...mlp, ...reduction(input, "all_reduce", 2 * layers, tp)];
  return {
    context: [...attentionBlock(input, "context"), ...shared, logits(input), ...endings(input)],
    generation: [...attentionBlock(input, "generation"), ...shared, logits(input), ...endings(input)],
  };
}

/** Embedding, norms, projections and attention of grouped queries. */
export function attentionBlock(input: GraphInput, phase: "context" | "generation"): Operation[] {
  const { model, system, layout, formats, timing } = input;
  const { layers, hiddenSize, headSize } = model;
  const heads = model.heads / layout.tp;
  const kvHeads = kvHeadsPerGpu(model, layout);
  return [
    streamOperation("embedding", 1, system, 2 * hiddenSize),
    streamOperation("norm", 2 * layers, system, 8 * hiddenSize),
    tokenOperation("qkv_gemm", layers, timing.gemm(formats.gemm, (heads + 2 * kvHeads) * headSize, hiddenSize)),
    ...attention(input, phase, heads, kvHeads),
    tokenOperation("output_gemm", layers, timing.gemm(formats.gemm, hiddenSize, heads * headSize, true)),
  ];
}

function attention(input: GraphInput, phase: "context" | "generation", heads: number, kvHeads: number): Operation[] {
  const { model, formats, timing } = input;
  const shape = { heads, kvHeads, headSize: model.headSize };
  const window = model.slidingWindow;
  const windowed = window?.layers ?? 0;
  const kinds = [
    { name: "attention", layers: model.layers - windowed, shape },
    { name: "window_attention", layers: windowed, shape: { ...shape, window: window?.tokens ?? 0 } },
  ].filter((kind) => kind.layers > 0);
  if (phase === "generation") {
    return kinds.map((kind) =>
      generationAttentionOperation(kind.name, kind.layers, timing.generationAttention(formats.kvcache, kind.shape)),
    );
  }
  const fixed = attentionExtrasMicros(input, heads, kvHeads);
  return kinds.map((kind) =>
    contextAttentionOperation(
      kind.name,
      kind.layers,
      timing.contextAttention(formats.fmha, formats.kvcache, kind.shape),
      fixed,
    ),
  );
}

/**
 * Rotary embedding, writing of the cache and (Qwen3) normalisation of queries and keys. The source charges each as a kernel that
 * moves one token's bytes, so in effect a constant; kept, for its calibration of the rest rests on it.
 */
function attentionExtrasMicros({ model, system, formats }: GraphInput, heads: number, kvHeads: number): number {
  const query = heads * model.headSize;
  const key = kvHeads * model.headSize;
  const stream = (bytes: number) => streamMicros(system, bytes);
  const rotary = 2 * stream(2 * query + 2 * key);
  const cache = 2 * stream(key * cacheBytes(formats.kvcache));
  const norm = model.qkNorm ? 4 * stream(2 * query) + 4 * stream(2 * key) : 0;
  return 1.1 * (rotary + cache + norm);
}

/** KV heads that one GPU holds: copies where there are fewer than GPUs. */
export function kvHeadsPerGpu(model: ModelFacts, { tp }: EngineLayout): number {
  return Math.max(1, Math.ceil(model.kvHeads / tp));
}

export function logits({ model, layout, timing }: GraphInput): Operation {
  return sequenceOperation(
    "logits_gemm",
    1,
    timing.gemm("bfloat16", Math.floor(model.vocabSize / layout.tp), model.hiddenSize),
  );
}

/** Sum over tensor-parallel GPUs; nothing where there is one. */
export function reduction({ model, timing }: GraphInput, name: string, count: number, gpus: number): Operation[] {
  return gpus > 1 ? [tokenOperation(name, count, timing.allReduce(gpus, model.hiddenSize))] : [];
}

/** Sum of the split embedding, and hand-over between pipeline stages. */
export function endings(input: GraphInput): Operation[] {
  const { model, system, layout } = input;
  const stages = layout.pp > 1 ? [stageOperation("stage_transfer", layout.pp - 1, system, 2 * model.hiddenSize)] : [];
  return [...reduction(input, "embedding_all_reduce", 1, layout.tp), ...stages];
}
