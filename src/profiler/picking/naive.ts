import { type Backend, engineLayout } from "#src/estimator";
import type { Pick } from "../types.ts";
import { naiveTooSmall, slaUnverified } from "./messages.ts";

/** Sizes that the weights of a model are guessed from. */
export interface NaiveModel {
  id: string;
  layers: number;
  hiddenSize: number;
  intermediateSize: number;
  vocabSize: number;
  moe?: { experts: number; intermediateSize: number };
  mla: boolean;
}

export interface NaiveRequest {
  model: NaiveModel;
  /** As it was asked for; `auto` becomes vLLM. */
  backend: Backend | "auto";
  /** The GPU as it was called; anything, or nothing. */
  system: string | undefined;
  /** Memory of one GPU, GiB; 141 (an H200) where nothing tells. */
  memoryGib?: number;
  gpusPerNode?: number;
  totalGpus?: number;
  sla: { ttftMs: number; itlMs: number };
  optimization?: "latency" | "throughput";
}

const DEFAULT_MEMORY_GIB = 141;
const DEFAULT_GPUS_PER_NODE = 8;
/** Room for KV cache and activations beside the weights. */
const WEIGHT_FACTOR = 1.5;
const MAX_BATCH_SIZE = 128;

/** Bytes of 16-bit weights: embeddings, attention of four square matrices, gated MLP or experts with their router. */
export function naiveWeightBytes({ layers, hiddenSize: h, intermediateSize, vocabSize, moe }: NaiveModel): number {
  const mlp =
    moe === undefined ? 3 * h * intermediateSize : 3 * h * moe.intermediateSize * moe.experts + h * moe.experts;
  return 2 * (vocabSize * h + layers * (4 * h * h + mlp + 4 * h));
}

/**
 * A configuration for what no estimator covers: as few GPUs an engine as hold the weights half again, as many aggregated engines
 * as there is room for. It has no times, and says so.
 */
export function naivePick(request: NaiveRequest): Pick {
  const { model } = request;
  const backend = request.backend === "auto" ? "vllm" : request.backend;
  const memory = (request.memoryGib ?? DEFAULT_MEMORY_GIB) * 2 ** 30;
  const node = request.gpusPerNode ?? DEFAULT_GPUS_PER_NODE;
  const total = request.totalGpus ?? node;
  const wanted = powerOfTwo(Math.ceil((WEIGHT_FACTOR * naiveWeightBytes(model)) / memory));
  const most = Math.min(node, total);
  const tp = Math.min(wanted, most);
  const kind =
    model.moe === undefined || tp === 1 ? "tp" : model.mla && request.optimization === "throughput" ? "dep" : "tep";
  const replicas = Math.max(1, Math.floor(total / tp));
  return {
    mode: "agg",
    backend,
    by: "naive",
    agg: { layout: engineLayout(`${kind}${tp}`), replicas, batchSize: MAX_BATCH_SIZE },
    ttftMs: 0,
    itlMs: 0,
    tokensPerSecondPerGpu: 0,
    tokensPerSecondPerUser: 0,
    requestsPerSecond: 0,
    gpus: replicas * tp,
    alternatives: [],
    warnings: [
      ...(wanted > most ? [naiveTooSmall(wanted, most)] : []),
      slaUnverified(request.sla, model.id, request.system ?? "unknown", backend),
    ],
  };
}

function powerOfTwo(least: number): number {
  let size = 1;
  while (size < least) size *= 2;
  return size;
}
