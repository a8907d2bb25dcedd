import type { RunRecord } from "#src/record";
import { describe } from "./distribution.ts";
import { isCompleted, isJudged, itlMs, keptSla, ttftMs } from "./request-times.ts";

/** What one tenant got. Shares are 0..1, NaN where nothing was judged. */
export interface TenantSummary {
  name: string;
  /** What it was promised: its own SLA where the scenario has one, else the run's. */
  sla: RunRecord["sla"];
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
export function tenantSummaries(record: RunRecord): TenantSummary[] {
  const { tenants, tenantSlas = {} } = record;
  if (tenants === undefined) return [];
  const rows = tenants.names.map((): number[] => []);
  tenants.of.forEach((tenant, row) => {
    rows[tenant]?.push(row);
  });
  return tenants.names.map((name, tenant) =>
    tenantSummary(record, name, tenantSlas[name] ?? record.sla, rows[tenant]!),
  );
}

function tenantSummary(record: RunRecord, name: string, sla: RunRecord["sla"], rows: readonly number[]): TenantSummary {
  const { requests: table } = record;
  const ttft: number[] = [];
  const itl: number[] = [];
  let completed = 0;
  let judged = 0;
  let good = 0;
  for (const row of rows) {
    const kept = keptSla(table, row, sla);
    if (isJudged(record, row, kept)) judged++;
    if (kept) good++;
    if (!isCompleted(table, row)) continue;
    completed++;
    ttft.push(ttftMs(table, row));
    const own = itlMs(table, row);
    if (!Number.isNaN(own)) itl.push(own);
  }
  const ttftOf = describe(Float64Array.from(ttft));
  const itlOf = describe(Float64Array.from(itl));
  return {
    name,
    sla,
    requests: rows.length,
    completed,
    judged,
    good,
    share: judged === 0 ? Number.NaN : good / judged,
    ttftP50Ms: ttftOf.p50,
    ttftP99Ms: ttftOf.p99,
    itlP50Ms: itlOf.p50,
    itlP99Ms: itlOf.p99,
  };
}
