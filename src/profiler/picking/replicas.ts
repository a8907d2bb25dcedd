import type { Surface } from "#profiles";

export interface ReplicaOptions {
  /** Tokens of a request. */
  isl: number;
  osl: number;
  /** Mean time between tokens that decode engines are to keep, ms. */
  itlMs: number;
  /** GPUs of one engine. */
  gpusPerPrefillEngine: number;
  gpusPerDecodeEngine: number;
  /** Requests per second to serve; absent: as many as the budget can. */
  requestRate?: number;
  /** GPUs at most; absent: as many as it takes. */
  gpuBudget?: number;
}

export interface ReplicaPlan {
  prefillReplicas: number;
  decodeReplicas: number;
  gpus: number;
  /** What one engine of each kind serves, requests per second. */
  requestsPerSecondPerPrefill: number;
  requestsPerSecondPerDecode: number;
  /** What the plan serves: that of its slower side. */
  requestRateCapacity: number;
  /** Share of the wanted rate, at most 100. */
  loadServedPercent: number;
  /** Whether even one engine of each kind is more than the budget. */
  overBudget: boolean;
}

/**
 * How many engines a load takes, and how much load engines take: at the profile's surfaces a prefill engine serves its prompt
 * tokens per second ÷ ISL, a decode engine the output tokens per second ÷ OSL that it gives at the largest batch that keeps
 * the ITL. Replicas are those rounded up that the rate needs; under a budget that does not reach, the pair within it that
 * serves most, of equal ones the one with fewer GPUs. At least one engine of each.
 */
export function replicasFor(surface: Surface, options: ReplicaOptions): ReplicaPlan {
  const { isl, osl, itlMs, gpusPerPrefillEngine, gpusPerDecodeEngine, requestRate, gpuBudget } = options;
  const perPrefill = (surface.prefillThroughputPerGpu(isl) * gpusPerPrefillEngine) / isl;
  const decode = surface.bestThroughputPerGpu(itlMs, isl + osl / 2);
  const perDecode = (decode.throughputPerGpu * gpusPerDecodeEngine) / osl;

  const gpusOf = (p: number, d: number) => p * gpusPerPrefillEngine + d * gpusPerDecodeEngine;
  const enough = (perEngine: number) =>
    requestRate === undefined ? 1 : Math.max(1, Math.ceil(requestRate / perEngine - 1e-9));
  let best = { prefill: enough(perPrefill), decode: enough(perDecode) };
  const overBudget = gpuBudget !== undefined && gpusOf(1, 1) > gpuBudget;
  if (overBudget) best = { prefill: 1, decode: 1 };
  else if (gpuBudget !== undefined && (requestRate === undefined || gpusOf(best.prefill, best.decode) > gpuBudget)) {
    best = mostWithin(gpuBudget, perPrefill, perDecode, gpusOf);
  }
  const capacity = Math.min(best.prefill * perPrefill, best.decode * perDecode);
  return {
    prefillReplicas: best.prefill,
    decodeReplicas: best.decode,
    gpus: gpusOf(best.prefill, best.decode),
    requestsPerSecondPerPrefill: perPrefill,
    requestsPerSecondPerDecode: perDecode,
    requestRateCapacity: capacity,
    loadServedPercent: requestRate === undefined ? 100 : Math.min(100, (100 * capacity) / requestRate),
    overBudget,
  };
}

function mostWithin(
  budget: number,
  perPrefill: number,
  perDecode: number,
  gpusOf: (prefill: number, decode: number) => number,
): { prefill: number; decode: number } {
  let best = { prefill: 1, decode: 1 };
  let most = 0;
  for (let prefill = 1; gpusOf(prefill, 1) <= budget; prefill++) {
    for (let decode = 1; gpusOf(prefill, decode) <= budget; decode++) {
      const served = Math.min(prefill * perPrefill, decode * perDecode);
      const fewer = gpusOf(prefill, decode) < gpusOf(best.prefill, best.decode);
      if (served < most || (served === most && !fewer)) continue;
      most = served;
      best = { prefill, decode };
    }
  }
  return best;
}
