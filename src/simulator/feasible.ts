import { type IdlePrefill, transferMs } from "#mocker/engine";
import type { Workload } from "#scenarios";
import type { SimulationSpec } from "./types.ts";

/** Per request 1 where an idle deployment meets the TTFT: ttft(isl) + transfer ≤ SLA; others are not judged. */
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
