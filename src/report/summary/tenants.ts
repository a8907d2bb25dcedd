import { type ReportedRun, type RequestTable, type RunFacts, requestBlocks } from "#src/record";
import { describe } from "./distribution.ts";
import { isCompleted, isJudged, itlMs, keptSla, ttftMs } from "./request-times.ts";

/** What one tenant got. Shares are 0..1, NaN where nothing was judged. */
export interface TenantSummary {
  name: string;
  /** What it was promised: its own SLA where the scenario has one, else the run's. */
  sla: RunFacts["sla"];
  requests: number;
  completed: number;
  /** Its requests as `Attainment` judges all, against its own SLA. */
  judged: number;
  good: number;
  share: number;
  ttftP50Ms: number;
  ttftP99Ms: number;
  itlP50Ms: number;
  itlP99Ms: number;
}

/** By tenant, in the order of the traffic; requests that are nobody's are in none. Empty where nobody is named. */
export function tenantSummaries(record: ReportedRun): TenantSummary[] {
  const { tenants, tenantSlas = {} } = record;
  if (tenants === undefined) return [];
  const own = tenants.names.map((name) => ({
    name,
    sla: tenantSlas[name] ?? record.sla,
    requests: 0,
    completed: 0,
    judged: 0,
    good: 0,
  }));
  for (const block of requestBlocks(record)) {
    const { requests: table, tenantOf } = block;
    for (let row = 0; row < table.count; row++) {
      const tenant = own[tenantOf?.[row] ?? -1];
      if (tenant === undefined) continue;
      tenant.requests++;
      if (isCompleted(table, row)) tenant.completed++;
      const kept = keptSla(table, row, tenant.sla);
      if (isJudged(block, row, kept)) tenant.judged++;
      if (kept) tenant.good++;
    }
  }
  const times = (value: (table: RequestTable, i: number) => number) =>
    samples(record, own, value).map((sample) => {
      const { p50, p99 } = describe(sample);
      return { p50, p99 };
    });
  const ttft = times(ttftMs);
  const itl = times(itlMs);
  return own.map((tenant, i) => ({
    ...tenant,
    share: tenant.judged === 0 ? Number.NaN : tenant.good / tenant.judged,
    ttftP50Ms: ttft[i]!.p50,
    ttftP99Ms: ttft[i]!.p99,
    itlP50Ms: itl[i]!.p50,
    itlP99Ms: itl[i]!.p99,
  }));
}

/** Values of each tenant's completed requests, those without one left out. */
function samples(
  record: ReportedRun,
  tenants: readonly { completed: number }[],
  value: (table: RequestTable, i: number) => number,
): Float64Array[] {
  const values = tenants.map(({ completed }) => new Float64Array(completed));
  const counts = new Int32Array(tenants.length);
  for (const { requests: table, tenantOf } of requestBlocks(record)) {
    for (let row = 0; row < table.count; row++) {
      const tenant = tenantOf?.[row] ?? -1;
      if (tenant < 0 || !isCompleted(table, row)) continue;
      const found = value(table, row);
      if (!Number.isNaN(found)) values[tenant]![counts[tenant]!++] = found;
    }
  }
  return values.map((sample, tenant) => sample.subarray(0, counts[tenant]));
}
