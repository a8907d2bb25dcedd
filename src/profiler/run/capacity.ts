import { buildSurface, type Profile } from "#profiles";
import { replicasFor } from "../picking/replicas.ts";
import type { Mapping } from "../types.ts";
import { excessBudget } from "./planner-settings.ts";
import type { Run } from "./run-context.ts";
import type { ProfilingResult } from "./types.ts";

/**
 * Replicas for the wanted request rate within the GPU budget (without a rate: all of the budget), and the rate that they serve, from
 * the profile's surfaces.
 */
export function capacityOf(
  { request, log }: Run,
  profile: Profile,
  { prefill, decode }: { prefill: Mapping; decode: Mapping },
  sla: { itlMs: number },
): NonNullable<ProfilingResult["capacity"]> {
  const { requestRate, isl, osl } = request.workload;
  const gpuBudget = excessBudget(request)?.there ?? request.planner?.maxGpuBudget ?? request.hardware.totalGpus;
  const plan = replicasFor(buildSurface(profile), {
    isl,
    osl,
    itlMs: sla.itlMs,
    gpusPerPrefillEngine: prefill.layout.gpus,
    gpusPerDecodeEngine: decode.layout.gpus,
    ...(requestRate === undefined ? {} : { requestRate }),
    ...(gpuBudget === undefined ? {} : { gpuBudget }),
  });
  if (plan.overBudget) {
    log.warning(`One engine of each kind takes ${plan.gpus} GPUs, more than the budget of ${gpuBudget}`);
  }
  log.info(
    `Optimal replicas: ${plan.prefillReplicas} prefill, ${plan.decodeReplicas} decode (${plan.gpus} GPUs), ` +
      `request rate capacity ${plan.requestRateCapacity.toFixed(2)} requests/s`,
  );
  return {
    prefillReplicas: plan.prefillReplicas,
    decodeReplicas: plan.decodeReplicas,
    gpus: plan.gpus,
    requestRate: plan.requestRateCapacity,
  };
}
