/** Sizes of a mixture of experts. */
export interface MoeFacts {
  /** Routed experts of one layer. */
  experts: number;
  expertsPerToken: number;
  /** Experts that every token passes. */
  sharedExperts: number;
  /** Width of one routed expert. */
  intermediateSize: number;
  /** Layers at the start that have a plain MLP. */
  denseLayers: number;
}

/** Sizes of multi-head latent attention (DeepSeek). */
export interface MlaFacts {
  kvLoraRank: number;
  qLoraRank: number;
  ropeHeadSize: number;
  nopeHeadSize: number;
  valueHeadSize: number;
}

/** What a checkpoint's weights and caches are stored in, by the names of `Quantization`. */
export interface CheckpointFormats {
  /** `bfloat16`, `fp8` (one scale a tensor), `fp8_static` (its activations' scale fixed), `fp8_block`, `nvfp4`, `int4_wo`, … */
  gemm: string;
  /** Of routed experts; `w4a16_mxfp4` for gpt-oss. Same as `gemm` for most. */
  moe: string;
  /** KV cache as the checkpoint asks for it, where it does. */
  kvcache?: string;
  /** Scale block of block-quantised weights, elements. */
  block?: number;
}

/**
 * How an architecture is laid out, which decides its operations and memory: `llama` (GQA or MHA with a gated MLP), `gpt` (plain
 * MLP), `moe` (GQA with routed experts), `deepseek` (MLA with routed experts), `other` (layers of other kinds: Mamba, sparse
 * or linear attention; only sizes are reliable).
 */
export type ModelFamily = "llama" | "gpt" | "moe" | "deepseek" | "other";

/** What the estimator has to know of a model. Sizes are those of the whole model, before any split. */
export interface ModelFacts {
  /** Hugging Face id, or the folder it was read from. */
  id: string;
  origin: "built-in" | "folder";
  /** Such as `Qwen3ForCausalLM`. */
  architecture: string;
  family: ModelFamily;
  layers: number;
  hiddenSize: number;
  heads: number;
  kvHeads: number;
  headSize: number;
  /** Width of the plain MLP. */
  intermediateSize: number;
  vocabSize: number;
  /** Whether queries and keys are normalised by head (Qwen3 and the like). */
  qkNorm: boolean;
  tiedEmbeddings: boolean;
  moe?: MoeFacts;
  mla?: MlaFacts;
  /** Present where some layers see only the last `tokens` tokens. */
  slidingWindow?: { tokens: number; layers: number };
  formats: CheckpointFormats;
  /** Longest context, tokens; absent where the configuration does not say it. */
  maxContextLength?: number;
  /** Size of the weights, MiB: sum of the files where there are some, else counted from the sizes. */
  weightMib: number;
  weightSource: "files" | "sizes";
  /** Parameters, all experts counted. */
  parameters: number;
  /** True where it can only be loaded with code of its own (`auto_map`). */
  needsRemoteCode: boolean;
}
