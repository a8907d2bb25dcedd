import { type IdlePrefill, transferMs } from "#mocker/engine";
import type { Workload } from "#scenarios/workload";
import type { SimulationSpec } from "./types.ts";

/**
 * Which requests an idle deployment serves within the SLA's TTFT: ttft(isl) + transfer ≤ TTFT, all in ms. Others are not judged.
 * @param idle what prompts take where nothing else runs
 * @returns 1 or 0 by request
 */
export function feasibleRequests(
  spec: Pick<SimulationSpec, "transfer" | "sla">,
  workload: Workload,
  idle: IdlePrefill,
): Uint8Array {
  const feasible = new Uint8Array(workload.count);
  for (let request = 0; request < workload.count; request++) {
    const isl = workload.isl[request]!;
    feasible[request] = idle.ms(isl, 0) + transferMs(spec.transfer, isl) <= spec.sla.ttftMs ? 1 : 0;
  }
  return feasible;
}
