export type Backend = "vllm" | "sglang" | "trtllm";

/** How one engine spreads over its GPUs: attention by tensor or data parallelism, experts by tensor or expert parallelism. */
export interface EngineLayout {
  tp: number;
  pp: number;
  /** Attention ranks that each hold their own requests. */
  attentionDp: number;
  moeTp: number;
  moeEp: number;
  /** GPUs of one engine. */
  gpus: number;
}

/** Number formats by name, where they are not what the checkpoint says: `bfloat16`, `fp8`, `fp8_block`, `nvfp4`, … */
export interface Quantization {
  gemm?: string;
  moe?: string;
  kvcache?: string;
  fmha?: string;
}

/** The engine whose times are asked for. */
export interface EngineSpec {
  /** Hugging Face id, or a folder with a `config.json`. */
  model: string;
  /** GPU system, such as `h200_sxm`. */
  system: string;
  backend: Backend;
  /** Version of the backend whose measurements are used; the newest well-covered one where absent. */
  backendVersion?: string;
  /** `tp4`, `tep8`, `dep8`: see `engineLayout`. */
  parallelism: string;
  quantization?: Quantization;
  /** Share of GPU memory that the engine may use, in its backend's own sense; the backend's default where absent. */
  memoryFraction?: number;
  /** Tokens of one forward pass at most; sizes the activations. 8192 where absent. */
  maxBatchedTokens?: number;
  /** False leaves the source's known artefacts in. */
  sanitise?: boolean;
  /** `analytic` asks the analytic kernels alone, also where there are tables. */
  method?: "best" | "analytic";
  /** Attention heads that each GPU must hold; 4 where absent, as simulated profiling is documented to demand. Online 1. */
  leastHeadsPerGpu?: number;
  /** True opens an engine that leaves no memory for a KV cache too; its capacity is 0 then. */
  allowOversize?: boolean;
}

/** What an estimator knows of an engine before any time is asked. */
export interface EngineFacts {
  layout: EngineLayout;
  backendVersion: string;
  quantization: Quantization;
  memoryFraction: number;
  /** KV capacity of the whole engine, tokens. */
  maxKvTokens: number;
  /** Bytes of KV cache of one token, each head counted once: what a transfer moves. */
  kvBytesPerToken: number;
  /** Package and version that answers. */
  source: string;
}

export interface DecodeEstimate {
  /** Mean time between two tokens of a request, ms. */
  itlMs: number;
  /** Output tokens per second per GPU. */
  throughputPerGpu: number;
}

/** Times of an idle engine's prefill and of a steady decode batch, from whatever knows them. */
export interface EngineEstimator {
  readonly facts: EngineFacts;
  /** KV capacity of the whole engine, tokens. */
  readonly maxKvTokens: number;
  /** What was changed in the source's numbers so far, for a profile's provenance; one sentence each. */
  readonly adjustments: readonly string[];
  /** Time to first token of one prompt of `isl` tokens on an idle engine, ms, nothing cached. */
  prefillMs(isl: number): Promise<number>;
  /**
   * Decode of `batch` requests at once on the whole engine (a multiple of its attention ranks), each with a prompt of `isl`
   * tokens and an output of `osl` (at least 2), averaged over that output.
   */
  decode(batch: number, isl: number, osl: number): Promise<DecodeEstimate>;
}

/**
 * Where a number comes from: `table` was interpolated in measured op latencies of this very GPU and backend; `scaled` in those of
 * something akin (another backend on the same GPU, experts of other sizes), scaled by the roofline; `analytic` is a roofline with
 * fitted efficiencies. The least trustworthy part names the whole.
 */
export type EstimateOrigin = "table" | "scaled" | "analytic";

/** A time with its origin. */
export interface Estimate {
  ms: number;
  origin: EstimateOrigin;
  /** True where a known artefact of the tables was bounded. */
  adjusted: boolean;
}

/** One operation of a forward pass, all layers together. */
export interface OperationEstimate extends Estimate {
  /** Such as `qkv_gemm`, `attention`, `all_reduce`, `experts`. */
  name: string;
}

/** Memory of one GPU (one rank), bytes. */
export interface MemoryBreakdown {
  weightsBytes: number;
  activationBytes: number;
  /** CUDA context, runtime and the like. */
  runtimeBytes: number;
  /** NCCL buffers. */
  communicationBytes: number;
  /** What is left for the KV cache; ≤ 0 where the model does not fit. */
  kvBudgetBytes: number;
  /** KV bytes of one token on one rank (GQA heads split by TP; MLA not split). */
  kvBytesPerToken: number;
  capacityBytes: number;
}

/** What one attention rank computes in one forward pass, summed over its requests. */
export interface RankPass {
  /** Prompts (or parts of prompts) in the pass. */
  prompts: number;
  /** Their tokens that are computed in it. */
  promptTokens: number;
  /** Their tokens from before: cached, or computed by earlier passes. */
  cachedTokens: number;
  /** Sequences that decode. */
  sequences: number;
  /** Σ context tokens of those. */
  contextTokens: number;
}

/**
 * The built-in estimator's view of one engine. Synchronous, and fast enough to be asked in a loop (a microsecond or so once warm).
 * Batches and prompts are those of one attention rank, as the tables have them; `EngineEstimator` speaks of whole engines.
 */
export interface NativeEngine {
  readonly spec: EngineSpec;
  readonly facts: EngineFacts;
  readonly memory: MemoryBreakdown;
  /** KV capacity of one attention rank, tokens. */
  readonly kvTokensPerRank: number;
  /** Static context pass of `batch` prompts of `isl` tokens, of which `prefix` are cached. */
  context(batch: number, isl: number, prefix?: number): Estimate;
  /** One generation step of `batch` sequences whose KV holds `context` tokens each. */
  generation(batch: number, context: number): Estimate;
  /** Generation averaged over the output, sampled every 32 tokens, as the static pass does it. */
  meanGeneration(batch: number, isl: number, osl: number): Estimate;
  contextOperations(batch: number, isl: number, prefix?: number): OperationEstimate[];
  generationOperations(batch: number, context: number): OperationEstimate[];
  /** Bytes of activations of a pass of so many tokens on one rank. */
  activationBytes(tokens: number): number;
  /**
   * One forward pass as an engine would report it: prompts of their mean length, sequences of their mean context, rounded down (as
   * aiconfigurator 0.12 takes ForwardPassMetrics). Both at once share all but their attention. Nothing takes no time.
   */
  forwardPass(pass: RankPass): Estimate;
  /** Parts of a pass that mixes prompt chunks with decoding sequences (in-flight batching); see the aggregated model. */
  mixedStep(contextTokens: number, generationTokens: number, isl: number, osl: number): Estimate;
}
