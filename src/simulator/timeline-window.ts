import type { SimulationSpec } from "./types.ts";

/** Width of the timeline's windows, ms: the specification's, else 360 over the traffic and none below a second. */
export function timelineWindowMs(spec: Pick<SimulationSpec, "timelineWindowMs" | "workload">): number {
  return spec.timelineWindowMs ?? Math.max(1000, spec.workload.horizonMs / 360);
}
