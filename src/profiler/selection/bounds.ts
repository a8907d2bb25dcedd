import type { DecodeResult } from "../types.ts";

export interface Bounds {
  upper: number;
  lower: number;
}

/** When a load-based planner scales. */
export interface PlannerBounds {
  /** Requests waiting per prefill engine. */
  prefillQueue?: Bounds;
  /** Share of the KV cache in use, 0..1. */
  decodeKvUtilisation?: Bounds;
}

/** Least bound; a planner that acts below it would act on noise. */
const LEAST = 0.1;
/** Slack around the target: scale up at 120 % of it, down at 80 %. */
const SCALE_UP = 1.2;
const SCALE_DOWN = 0.8;
const KV_SLACK = 0.2;

/**
 * How many prompts may wait for one that is computed before the target is missed, after NVIDIA Dynamo's profiler.
 * @param ttftMs TTFT of the chosen engine
 */
export function prefillQueueBounds(ttftMs: number, targetMs: number): Bounds {
  return {
    upper: Math.max(LEAST, (targetMs * SCALE_UP) / ttftMs - 1),
    lower: Math.max(LEAST, (targetMs * SCALE_DOWN) / ttftMs - 1),
  };
}

/** A band of KV usage around that of the chosen load, after NVIDIA Dynamo's profiler. */
export function decodeKvBounds(point: DecodeResult, isl: number, osl: number): Bounds {
  const usage = (point.concurrency * (isl + osl / 2)) / point.maxKvTokens;
  return { upper: Math.min(1, usage + KV_SLACK), lower: Math.max(LEAST, usage - KV_SLACK) };
}
