export type { GivenFlag } from "./layers.ts";
export { type PlannerConfigSources, readPlannerConfig } from "./read.ts";
export { type PlannerDocument, plannerDocumentSchema } from "./schema.ts";
export type * from "./types.ts";
