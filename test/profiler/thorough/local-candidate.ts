import { decodeOnly, type KubernetesObject, renderDeployment } from "#src/deployment";
import { type Backend, engineLayout } from "#src/estimator";
import { disaggPlan } from "../../deployment/plans.ts";

export const PROFILE = "h200-qwen3-32b-fp8-tp2-estimate";

/** A decode candidate of two GPUs, as the profiler makes it. */
export function candidate(backend: Backend): KubernetesObject {
  const base = renderDeployment(disaggPlan({ backend, dialect: "0.8", version: "v1alpha1" })).at(-1)!;
  return decodeOnly(base, { backend, dialect: "0.8", layout: engineLayout("tp2"), gpusPerNode: 8 });
}
