import type { ReportedRun, RequestBlock } from "./types.ts";

/** The rows of a run, from memory in one block or from disk in many. */
export function requestBlocks(run: ReportedRun): Iterable<RequestBlock> {
  if ("rows" in run) return run.rows;
  const { requests, feasible, tenants, routing } = run;
  return [{ first: 0, requests, feasible, tenantOf: tenants?.of ?? null, routing: routing ?? null }];
}

export function requestCount(run: ReportedRun): number {
  return "rows" in run ? run.rows.count : run.requests.count;
}
