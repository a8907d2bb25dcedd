import type { NativeEngine } from "#src/estimator";

/** Shares of the KV budget that a search leaves free, for blocks not quite full and the like (AIConfigurator 0.12). */
const TOLERANCE = 0.02;
const TRTLLM_RESERVE = 0.015;
/** Tokens that TensorRT-LLM sizes its activations for, whatever the pass (its `max_num_tokens`). */
const TRTLLM_MAX_TOKENS = 8192;

/**
 * Bytes of one GPU with `batch` sequences of `context` tokens each and passes of `passTokens` tokens, or null where they do not
 * fit: all of it into the GPU, the KV cache into what its backend gives it.
 */
export function bytesInUse(engine: NativeEngine, batch: number, context: number, passTokens: number): number | null {
  const { memory, facts, spec } = engine;
  const kv = batch * context * memory.kvBytesPerToken;
  const rest =
    memory.weightsBytes + memory.runtimeBytes + memory.communicationBytes + engine.activationBytes(passTokens);
  if (rest + kv >= memory.capacityBytes) return null;
  const share = facts.memoryFraction * (1 - TOLERANCE);
  const budget =
    spec.backend === "trtllm"
      ? (memory.capacityBytes - rest) * share * (1 - TRTLLM_RESERVE)
      : memory.capacityBytes * share - rest;
  return kv > budget ? null : rest + kv;
}

/** Tokens that the activations of an aggregated pass are sized for. */
export function aggregatedPassTokens(engine: NativeEngine, passTokens: number): number {
  return engine.spec.backend === "trtllm" ? TRTLLM_MAX_TOKENS : passTokens;
}
