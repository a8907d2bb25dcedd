export { requestTable } from "./request-table.ts";
export * from "./types.ts";
