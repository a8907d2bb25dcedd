import type { Backend } from "../types.ts";

/** NCCL's collectives that the tables know. */
export type Collective = "all_gather" | "reduce_scatter" | "all_to_all" | "all_reduce";

/** Sizes of one mixture-of-experts block, before it is split. */
export interface ExpertShape {
  hiddenSize: number;
  /** Width of one expert. */
  intermediateSize: number;
  experts: number;
  expertsPerToken: number;
}

/** One attention block as one GPU sees it. */
export interface AttentionShape {
  /** Query heads on this GPU. */
  heads: number;
  /** KV heads on this GPU, at least 1. */
  kvHeads: number;
  headSize: number;
  /** Tokens of the sliding window; 0 or absent: the whole context. */
  window?: number;
}

/**
 * Measured latencies of single operations of one backend on one GPU system, between the measured points interpolated, beyond
 * them continued by the operation's roofline.
 *
 * Every look-up answers in **microseconds of one call** (one layer), on one GPU that works in step with its peers, and answers NaN
 * where nothing was measured: whoever asks then falls back. None allocates.
 */
export interface OpTables {
  readonly system: string;
  readonly backend: Backend;
  /** Version of the backend that was measured. */
  readonly backendVersion: string;
  /** Where the numbers come from, with version and licence. */
  readonly source: string;

  /** Formats that `gemm` knows: `bfloat16`, `fp8`, `fp8_block`, `nvfp4`, … */
  readonly gemmFormats: readonly string[];
  /** Formats that `contextAttention` knows, as `fmha/kv`. */
  readonly contextAttentionFormats: readonly string[];
  /** KV formats that `generationAttention` knows. */
  readonly generationAttentionFormats: readonly string[];
  /** Expert blocks that `experts` knows. */
  readonly expertBlocks: readonly { shape: ExpertShape; format: string }[];

  /**
   * Product of [m × k] activations with [k × n] weights.
   *
   * @param quantised the activations come in the format already (only `fp8_static` has a saving from it)
   */
  gemm(format: string, m: number, n: number, k: number, quantised?: boolean): number;

  /**
   * Attention of `batch` prompts with `tokens` new tokens each after `prefix` cached ones.
   *
   * @param fmha format it is computed in: `bfloat16` or `fp8`
   * @param kv format of the KV cache
   */
  contextAttention(
    fmha: string,
    kv: string,
    shape: AttentionShape,
    batch: number,
    tokens: number,
    prefix?: number,
  ): number;

  /** Attention of one new token for each of `batch` sequences with `context` tokens of KV each. */
  generationAttention(kv: string, shape: AttentionShape, batch: number, context: number): number;

  /** The backend's own all-reduce of `elements` 16-bit numbers over `gpus` GPUs. */
  allReduce(gpus: number, elements: number): number;

  /** NCCL's collective over `gpus` GPUs; `elements` 16-bit numbers of the whole message, as the package counts it. */
  collective(kind: Collective, gpus: number, elements: number): number;

  /**
   * Routed experts of one layer: both grouped products with activation, `tokens` being those of all attention ranks together.
   * NaN for a shape, format or split that was not measured.
   */
  experts(shape: ExpertShape, format: string, tokens: number, moeTp: number, moeEp: number): number;

  /**
   * The whole multi-head latent attention block (projections included) of DeepSeek's shape, prompts.
   *
   * @param gemm format of its projections
   * @param heads query heads on this GPU
   * @param modelHeads those of the whole model: 128 (DeepSeek-V3, where absent) or 64 (Kimi-K2)
   */
  contextMla(
    fmha: string,
    kv: string,
    gemm: string,
    heads: number,
    batch: number,
    tokens: number,
    prefix?: number,
    modelHeads?: number,
  ): number;

  /** The same for one generation step. */
  generationMla(kv: string, gemm: string, heads: number, batch: number, context: number, modelHeads?: number): number;
}
