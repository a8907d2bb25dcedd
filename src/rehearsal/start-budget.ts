import { resourceLimits, rolesOf } from "#planner/core";
import type { Rehearsal } from "./rehearse.ts";

/**
 * What to know of workers that stand at the start of a run and that the planner's GPU budget would not have: null where it has room for
 * all of them. As with replicas above an autoscaler's maximum, this is no mistake; the planner comes down from there.
 */
export function startAboveBudget({
  scenario: { planner, locate },
  simulation: { prefill, decode },
}: Pick<Rehearsal, "scenario" | "simulation">): string | null {
  if (planner === null || !("maxGpus" in planner)) return null;
  const { maxGpus } = planner;
  const { total, ...maxGpusOf } = typeof maxGpus === "object" ? { total: undefined, ...maxGpus } : { total: maxGpus };
  const gpusPerWorker = { prefill: prefill?.gpusPerWorker ?? 0, decode: decode.gpusPerWorker };
  const workers = { prefill: prefill?.workers ?? 0, decode: decode.workers };
  const roles = rolesOf(prefill === null ? "agg" : "disagg");
  for (const { name, amount, perWorker } of resourceLimits({ maxGpus: total, maxGpusOf }, gpusPerWorker)) {
    const gpus = roles.reduce((sum, role) => sum + workers[role] * perWorker[role], 0);
    if (gpus <= amount) continue;
    return `${locate(["planner", ...name.split(".")])}: the run begins with ${gpus} GPUs where ${name} allows ${amount}: they stand until the planner's decisions take workers away`;
  }
  return null;
}
