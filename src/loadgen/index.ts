export { runLoad } from "./run-load.ts";
export type * from "./types.ts";
