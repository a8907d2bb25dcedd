export { INVARIANTS, type InvariantNumber } from "./check/invariants.ts";
export { type FaultHands, FaultPlan } from "./faults/fault-plan.ts";
export type { PlannerFaults } from "./faults/planner-faults.ts";
export { feasibleRequests } from "./feasible.ts";
export { type IdlePrefills, idlePrefills } from "./idle-prefills.ts";
export { chooseVictims, noteDecision, type ScalableWorker, scalingEvent } from "./scaling-rules.ts";
export { type SimulationSteps, simulate, simulateInSteps, simulateOntoDisk } from "./simulate.ts";
export { timelineWindowMs } from "./timeline-window.ts";
export type * from "./types.ts";
