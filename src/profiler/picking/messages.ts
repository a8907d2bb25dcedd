import type { Backend } from "#src/estimator";

/** What a pick has to say. The words are those of Dynamo's profiler where it says the same. */

export const FALLING_BACK = "AIC does not support this combo - falling back to naive config generation.";

export const naiveTooSmall = (wanted: number, most: number): string =>
  `Model requires TP=${wanted} to fit in memory, but max TP is ${most} (GPUs per node, or all there are): the configuration ` +
  "may run out of memory. Use more or larger GPUs, or a quantized model.";

export const slaUnverified = (
  sla: { ttftMs: number; itlMs: number },
  model: string,
  system: string,
  backend: Backend,
): string =>
  `SLA is unverified (ttft=${sla.ttftMs}ms, itl=${sla.itlMs}ms): no performance estimates are available for model=${model}, ` +
  `system=${system}, backend=${backend}. Naive fallback will generate a default configuration that may not meet the requested SLA.`;

export const slaUpdated = (name: "TTFT" | "ITL", targetMs: number, achievedMs: number): string =>
  `${name} SLA ${targetMs.toFixed(1)}ms is unachievable. Best achievable: ${achievedMs.toFixed(1)}ms. Updating SLA.`;

export const requestUnachievable = (targetMs: number, achievedMs: number): string =>
  `End-to-end latency SLA ${targetMs.toFixed(1)}ms is unachievable. Best achievable: ${achievedMs.toFixed(1)}ms.`;

export const loadTooLarge = (available: number): string =>
  `Target load requires more GPUs than available (${available}). Returning best config scaled to use all ${available} GPUs. ` +
  "The target load may NOT be fully served.";

export const loadNeedsGpus = (needed: number, available: number): string =>
  `Load target requires ${needed} GPUs but only ${available} available. Consider adding more GPUs or reducing the load target.`;

export const overriddenToDisagg = (why: string): string =>
  `AIC picked aggregated config but separate prefill/decode picks are required ${why}. Overriding with the best disaggregated config.`;

export const unmeasuredLeftOut = (layouts: readonly string[]): string =>
  `left out for want of measurements of this model's experts: ${layouts.join(", ")} (an analytic estimate does not tell layouts of a mixture of experts apart)`;

export const nothingMeasured =
  "no layout of this model's experts was measured on this GPU and backend: the choice between TP, TEP and DEP rests on an analytic estimate";
