import type { Backend, EngineLayout } from "#src/estimator";
import { unsupportedLayout } from "../errors.ts";

/** Does the layout split experts over GPUs, rather than each expert? */
export function usesExpertParallelism(layout: EngineLayout): boolean {
  return layout.moeEp > 1;
}

/** `tp4`, `tep8`, `dep8`, or all numbers where it is none of these. */
export function layoutLabel(layout: EngineLayout): string {
  const { tp, pp, attentionDp, moeTp, moeEp, gpus } = layout;
  if (pp === 1 && attentionDp === 1 && tp === gpus) {
    if (moeEp === 1) return `tp${gpus}`;
    if (moeEp === gpus && moeTp === 1) return `tep${gpus}`;
  }
  if (pp === 1 && tp === 1 && attentionDp === gpus && moeEp === gpus) return `dep${gpus}`;
  return `tp${tp}-pp${pp}-dp${attentionDp}-moetp${moeTp}-moeep${moeEp}`;
}

/**
 * Refuses what the backend has no flags for: attention both tensor- and data-parallel (TensorRT-LLM, SGLang's flags give one
 * size for both), experts split both ways (vLLM).
 */
export function checkLayout(backend: Backend, layout: EngineLayout): void {
  const { tp, attentionDp, moeTp, moeEp } = layout;
  if (backend !== "vllm" && tp > 1 && attentionDp > 1) {
    throw unsupportedLayout(backend, layoutLabel(layout), "attention is tensor-parallel or data-parallel, not both");
  }
  if (backend === "vllm" && moeTp > 1 && moeEp > 1) {
    throw unsupportedLayout(backend, layoutLabel(layout), "experts are split over GPUs whole or each, not both");
  }
}
