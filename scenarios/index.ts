export type * from "./workload.ts";
