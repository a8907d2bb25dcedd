import type { MoeFacts } from "../models/types.ts";
import { attentionBlock, type EngineGraph, endings, type GraphInput, logits, reduction } from "./graph.ts";
import type { Operation, Step } from "./operation.ts";
import {
  contextAttentionOperation,
  generationAttentionOperation,
  streamOperation,
  tokenOperation,
} from "./operations.ts";

/** Layers of grouped-query attention and routed experts. Its context graph has no logits, as the source's has none. */
export function expertGraph(input: GraphInput, moe: MoeFacts): EngineGraph {
  const routed = routedExperts(input, moe);
  return {
    context: [...attentionBlock(input, "context"), ...routed, ...endings(input)],
    generation: [...attentionBlock(input, "generation"), ...routed, logits(input), ...endings(input)],
  };
}

/**
 * Multi-head latent attention with routed and shared experts; all layers count as layers with experts. A generation step runs
 * shared and routed experts on two streams, so the longer of the two counts.
 */
export function latentGraph(input: GraphInput, moe: MoeFacts): EngineGraph {
  const { model, backend, layout } = input;
  const routed = routedExperts(input, moe);
  const shared = sharedExperts(input, moe);
  // vLLM sums over its tensor-parallel GPUs beside what the dispatch of tokens moves.
  const sums = backend === "vllm" ? reduction(input, "all_reduce", 2 * model.layers, layout.tp) : [];
  const stages = endings(input).filter((operation) => operation.name !== "embedding_all_reduce");
  return {
    context: [...latentAttention(input, "context"), ...shared, ...routed, logits(input), ...sums, ...stages],
    generation: [...latentAttention(input, "generation"), overlap(routed, shared), logits(input), ...sums, ...stages],
  };
}

function overlap(routed: Operation[], shared: Operation[]): Step {
  return { name: "expert_streams", branches: [routed, shared] };
}

function latentAttention(input: GraphInput, phase: "context" | "generation"): Operation[] {
  const { model, system, layout, formats, timing } = input;
  const { layers, hiddenSize } = model;
  const heads = model.heads / layout.tp;
  const { fmha, kvcache, gemm } = formats;
  return [
    streamOperation("embedding", 1, system, 2 * hiddenSize),
    streamOperation("norm", 2 * layers, system, 8 * hiddenSize),
    phase === "context"
      ? contextAttentionOperation("attention", layers, timing.contextMla(fmha, kvcache, gemm, heads, model.heads), 0)
      : generationAttentionOperation("attention", layers, timing.generationMla(kvcache, gemm, heads, model.heads)),
  ];
}

function sharedExperts({ model, system, layout, formats, timing }: GraphInput, moe: MoeFacts): Operation[] {
  if (moe.sharedExperts === 0) return [];
  const inner = Math.floor((moe.sharedExperts * moe.intermediateSize) / layout.tp);
  return [
    tokenOperation("shared_gate_up_gemm", model.layers, timing.gemm(formats.gemm, 2 * inner, model.hiddenSize)),
    streamOperation("shared_activation", model.layers, system, 6 * inner),
    tokenOperation("shared_down_gemm", model.layers, timing.gemm(formats.gemm, model.hiddenSize, inner)),
  ];
}

function routedExperts(input: GraphInput, moe: MoeFacts): Operation[] {
  const { model, layout, formats, timing } = input;
  const { layers, hiddenSize } = model;
  const shape = {
    hiddenSize,
    intermediateSize: moe.intermediateSize,
    experts: moe.experts,
    expertsPerToken: moe.expertsPerToken,
  };
  const experts = timing.experts(shape, formats.moe, layout.moeTp, layout.moeEp);
  return [
    tokenOperation("router_gemm", layers, timing.gemm("bfloat16", moe.experts, hiddenSize)),
    ...dispatch(input, "before"),
    tokenOperation("experts", layers, experts, layout.attentionDp),
    ...dispatch(input, "after"),
  ];
}

/**
 * Exchange of tokens around the experts: a sum over the tensor-parallel GPUs; with attention data parallelism all ranks gather
 * each other's tokens before, and scatter the sums after. Where both meet, SGLang first scatters within its tensor-parallel group,
 * vLLM first sums, and TensorRT-LLM sums alone. On Blackwell TensorRT-LLM sends narrow activations ahead.
 */
function dispatch(input: GraphInput, when: "before" | "after"): Operation[] {
  const { model, system, backend, layout, formats, timing } = input;
  const { layers, hiddenSize } = model;
  const gpus = layout.tp * layout.attentionDp;
  if (gpus === 1) return [];
  const name = `dispatch_${when}`;
  const sum = () => tokenOperation(name, layers, timing.allReduce(gpus, hiddenSize));
  if (layout.attentionDp === 1 || (layout.tp > 1 && backend === "trtllm")) return [sum()];

  const narrowed = backend === "trtllm" && system.smVersion >= 100 && when === "before" ? sentShare(formats.moe) : 1;
  const [outer, inner] =
    when === "before" ? (["all_gather", "reduce_scatter"] as const) : (["reduce_scatter", "all_gather"] as const);
  const across = tokenOperation(
    name,
    layers,
    timing.collective(outer, gpus, layout.attentionDp * hiddenSize * narrowed),
  );
  if (layout.tp === 1) return [across];
  if (backend === "vllm") return [sum(), across];
  return [tokenOperation(name, layers, timing.collective(inner, layout.tp, hiddenSize)), across];
}

/** Bytes of a token that is sent, against 16 bits; NVFP4 with its scales. */
function sentShare(format: string): number {
  if (format === "nvfp4") return 9 / 32;
  return format.startsWith("fp8") ? 0.5 : 1;
}
