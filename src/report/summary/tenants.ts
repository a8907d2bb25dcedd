import type { RunRecord } from "#src/record";
import { describe } from "./distribution.ts";
import { isCompleted, itlMet, itlMs, ttftMet, ttftMs } from "./request-times.ts";

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
  const { requests: table, tenants, tenantSlas = {}, feasible } = record;
  if (tenants === undefined) return [];
  const rows = tenants.names.map((): number[] => []);
  tenants.of.forEach((tenant, row) => {
    rows[tenant]?.push(row);
  });
  return tenants.names.map((name, tenant) => {
    const own = rows[tenant]!;
    const sla = tenantSlas[name] ?? record.sla;
    const kept = (row: number) => ttftMet(table, row, sla.ttftMs) && itlMet(table, row, sla.itlMs);
    const judged = own.filter((row) => feasible[row] === 1 || kept(row));
    const good = judged.filter(kept).length;
    const completed = own.filter((row) => isCompleted(table, row));
    const times = (of: (row: number) => number) =>
      describe(Float64Array.from(completed, of).filter((value) => !Number.isNaN(value)));
    const ttft = times((row) => ttftMs(table, row));
    const itl = times((row) => itlMs(table, row));
    return {
      name,
      sla,
      requests: own.length,
      completed: completed.length,
      judged: judged.length,
      good,
      share: judged.length === 0 ? Number.NaN : good / judged.length,
      ttftP50Ms: ttft.p50,
      ttftP99Ms: ttft.p99,
      itlP50Ms: itl.p50,
      itlP99Ms: itl.p99,
    };
  });
}
