import type { Workload } from "#scenarios/workload";
import type { Fields } from "./json-row.ts";

/** Takes the rows of a trace one by one and makes a workload of them. */
export interface RowReader {
  /** Nothing that follows can belong to what was asked for. */
  readonly done: boolean;
  /** @param where `file:line` @throws UserError SCENARIOS_TRACE_… */
  row(fields: Fields, where: string): void;
  /** @throws UserError SCENARIOS_TRACE_… */
  finish(): Workload;
}
