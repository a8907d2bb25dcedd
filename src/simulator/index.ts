export { feasibleRequests } from "./feasible.ts";
export { simulate } from "./simulate.ts";
export type * from "./types.ts";
