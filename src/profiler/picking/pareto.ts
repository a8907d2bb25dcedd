import type { PlanRow, Targets } from "./rows.ts";

/**
 * Rows that no other beats in both respects: tokens per second of a user (or, where the whole request counts, its latency) and
 * tokens per second per GPU of the budget. Slowest first.
 */
export function paretoFront<T extends PlanRow & { clusterTokensPerSecondPerGpu: number }>(
  rows: readonly T[],
  targets: Targets,
): T[] {
  const speed = (row: T) => (targets.e2eLatencyMs === undefined ? row.tokensPerSecondPerUser : -row.requestLatencyMs);
  const finite = rows.filter((row) => Number.isFinite(speed(row)) && Number.isFinite(row.clusterTokensPerSecondPerGpu));
  finite.sort((a, b) => speed(b) - speed(a) || b.clusterTokensPerSecondPerGpu - a.clusterTokensPerSecondPerGpu);
  const front: T[] = [];
  for (const row of finite) {
    const last = front.at(-1);
    if (last === undefined || row.clusterTokensPerSecondPerGpu > last.clusterTokensPerSecondPerGpu) front.push(row);
  }
  return front.reverse();
}
