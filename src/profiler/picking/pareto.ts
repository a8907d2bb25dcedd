import { paretoFront } from "../selection/trade-off.ts";
import type { PlanRow, Targets } from "./rows.ts";

/**
 * Rows that no other beats in both respects: time between a user's tokens (or, where the whole request counts, its latency) and
 * tokens per second per GPU of the budget. Slowest first.
 */
export function planFront<T extends PlanRow & { clusterTokensPerSecondPerGpu: number }>(
  rows: readonly T[],
  targets: Targets,
): T[] {
  const latency = (row: T) =>
    targets.e2eLatencyMs === undefined ? 1000 / row.tokensPerSecondPerUser : row.requestLatencyMs;
  return paretoFront(rows, latency, (row) => row.clusterTokensPerSecondPerGpu).reverse();
}
