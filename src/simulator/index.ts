export { INVARIANTS, type InvariantNumber } from "./check/invariants.ts";
export { feasibleRequests } from "./feasible.ts";
export { type IdlePrefills, idlePrefills } from "./idle-prefills.ts";
export { chooseVictims, type ScalableWorker, scalingEvent } from "./scaling-rules.ts";
export { type SimulationSteps, simulate, simulateInSteps } from "./simulate.ts";
export { timelineWindowMs } from "./timeline-window.ts";
export type * from "./types.ts";
