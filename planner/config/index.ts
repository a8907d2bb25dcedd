export { storeAddress } from "./convert.ts";
export { type PlannerField, plannerFields } from "./field-table.ts";
export { addPlannerOptions, PLANNER_FLAGS, type PlannerFlag, plannerFlagsFrom } from "./flags.ts";
export { plannerJsonSchema } from "./json-schema.ts";
export { type GivenFlag, plannerVariables } from "./layers.ts";
export { printPlannerConfig } from "./print.ts";
export { isGiven, type PlannerConfigSources, readPlannerConfig, requireMinimum } from "./read.ts";
export { type PlannerDocument, plannerDocumentSchema } from "./schema.ts";
export type * from "./types.ts";
