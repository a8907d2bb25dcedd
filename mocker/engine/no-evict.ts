import type { EngineConfig } from "./types.ts";

/**
 * Whether a request is admitted only where all that it and the running ones will ever need finds room, so that nobody is
 * ever preempted: TensorRT-LLM's capacity scheduler `GUARANTEED_NO_EVICT`.
 */
export function reservesOutput(config: EngineConfig): boolean {
  return config.family === "trtllm";
}

/** Blocks that a request needs by its end: of a prefill engine, which stops after the first token, too. */
export function footprintBlocks({ blockSize }: EngineConfig, isl: number, osl: number): number {
  return Math.ceil((isl + osl) / blockSize);
}

/** Leading blocks of a prompt that a reservation may share: where nobody is ever preempted it looks for none, and all are transferred. */
export function mostSharedBlocks(config: EngineConfig, isl: number): number {
  return reservesOutput(config) ? 0 : Math.floor(isl / config.blockSize);
}

/** Leading blocks that may come from the cache: where nothing is left to compute, TensorRT-LLM computes no prompt token at all. */
export function mostHitBlocks(config: EngineConfig, totalTokens: number): number {
  return Math.floor((reservesOutput(config) ? totalTokens : totalTokens - 1) / config.blockSize);
}
