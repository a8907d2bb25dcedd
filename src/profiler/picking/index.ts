export { budgetOf, type PickingMode, type PickingRequest, pickingMode, separateEnginesNeeded } from "./decision.ts";
export { pickFromSweep } from "./from-sweep.ts";
export { type CandidateLayout, enumerationLabel, measuredLayouts, simulatedLayouts } from "./layouts.ts";
export { type NaiveModel, naivePick, naiveWeightBytes } from "./naive.ts";
export { pickRapid, type RapidSources } from "./rapid.ts";
export { type ReplicaOptions, type ReplicaPlan, replicasFor } from "./replicas.ts";
export { type UpdatedSla, updatedSla } from "./sla.ts";
