import type { SimulationSpec } from "./types.ts";

/** Width of the timeline's windows where a specification leaves it open: 360 over the traffic, none below a second. */
export function timelineWindowMs(spec: Pick<SimulationSpec, "timelineWindowMs" | "workload">): number {
  return spec.timelineWindowMs ?? Math.max(1000, spec.workload.horizonMs / 360);
}
