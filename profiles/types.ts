/** Prefill samples, index-aligned. */
export interface PrefillSamples {
  /** Input sequence length, tokens, ascending. */
  isl: number[];
  /** Time to first token of one request at that length on an idle engine, ms. */
  ttftMs: number[];
  /** Prompt tokens per second per GPU. */
  throughputPerGpu: number[];
}

/** Decode samples, index-aligned: scan lines of constant context length, not a grid. */
export interface DecodeSamples {
  /** Share of the KV cache in use, 0..1. */
  kvUsage: number[];
  /** Mean context length (ISL + OSL / 2), tokens. */
  contextLength: number[];
  /** Inter-token latency, ms. */
  itlMs: number[];
  /** Output tokens per second per GPU. */
  throughputPerGpu: number[];
  /** KV capacity of one engine (all its GPUs), tokens. */
  maxKvTokens: number;
}

/** Where a profile comes from. Unknown facts are absent, never guessed. */
export interface Provenance {
  model?: string;
  gpu?: string;
  backend?: string;
  backendVersion?: string;
  /** Such as `tp1`, `tp4`, `tep8`. */
  parallelism?: string;
  gpusPerPrefillEngine?: number;
  gpusPerDecodeEngine?: number;
  /** Bytes of KV cache per token of one engine, for transfers. */
  kvBytesPerToken?: number;
  /** From the start of an engine until it answered, as measured, ms; what a scheduler and image pulls took is in it. */
  prefillStartupMs?: number;
  /** The same of a decode engine, or of an aggregated one. */
  decodeStartupMs?: number;
  source?: "measured" | "estimated" | "converted";
  /** ISO 8601 date on which the data was made. */
  date?: string;
  /** Tool and version that made it. */
  tool?: string;
  note?: string;
}

export interface Profile {
  name: string;
  prefill: PrefillSamples;
  decode: DecodeSamples;
  provenance: Provenance;
}

/** Dynamo's mocker table: prefill linear over ISL, decode bilinear over active KV tokens × mean context length. */
export interface MockerTable {
  prefillIsl: number[];
  prefillTtftMs: number[];
  decodeActiveKvTokens: number[];
  decodeContextLength: number[];
  /** [kv index][context index], ms. */
  decodeItlMs: number[][];
}

export interface BestThroughput {
  throughputPerGpu: number;
  itlMs: number;
  kvUsage: number;
}

export type SurfaceFamily = "compat" | "robust";

/** The surfaces of one profile; both families answer the same questions. */
export interface Surface {
  readonly family: SurfaceFamily;
  readonly maxKvTokens: number;
  ttftMs(isl: number): number;
  /** Prompt tokens/s/GPU. */
  prefillThroughputPerGpu(isl: number): number;
  /** @param kvUsage 0..1 @param contextLength tokens */
  itlMs(kvUsage: number, contextLength: number): number;
  decodeThroughputPerGpu(kvUsage: number, contextLength: number): number;
  /** The highest load whose ITL keeps the target; the lowest load where none does. */
  bestThroughputPerGpu(itlMs: number, contextLength: number): BestThroughput;
  /** True where the point lies outside the measured range. */
  extrapolates(kvUsage: number, contextLength: number): boolean;
  extrapolatesPrefill(isl: number): boolean;
}
