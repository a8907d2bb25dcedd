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
