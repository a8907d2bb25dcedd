import type { EngineLayout } from "#src/estimator";

/**
 * Prompt tokens per second per GPU of an engine whose attention ranks take a prompt each. In the order of operations of NVIDIA
 * Dynamo's profiler (`isl / ttft / num_gpus * 1000 * attention_dp_size`), so that its files come out to the last bit.
 */
export function prefillThroughputPerGpu(isl: number, ttftMs: number, layout: EngineLayout): number {
  return (isl / ttftMs / layout.gpus) * 1000 * layout.attentionDp;
}
