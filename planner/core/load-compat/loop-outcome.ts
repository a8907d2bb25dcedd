import { noteShared } from "../shared-values.ts";
import type { Clamp, Role, Targets } from "../types.ts";
import type { ThroughputNeed } from "./throughput-floor.ts";
import type { LoadReason } from "./words.ts";

/** What one loop came to: targets for the roles of the mode, or none. */
export interface LoopOutcome<Reason extends string> {
  targets: Partial<Targets> | null;
  reason: Reason;
  /** By role, in mode `disagg`. */
  reasons: Partial<Record<Role, Reason>>;
  clamps: Clamp[];
  values: Record<string, number>;
}

/** Of several reasons the one that says most. */
const PRIORITY: Partial<Record<LoadReason, number>> = {
  scale_up: 4,
  scale_down_capped_by_throughput: 3,
  scale_down: 2,
};

export function mostTelling(reasons: readonly LoadReason[]): LoadReason {
  return [...reasons].sort((a, b) => (PRIORITY[b] ?? 1) - (PRIORITY[a] ?? 1))[0]!;
}

export function noteClamp(clamps: Clamp[], name: string, role: Role, from: number, to: number): void {
  if (from !== to) clamps.push({ name, role, from, to });
}

export function capacityValues(needs: ReadonlyMap<Role, ThroughputNeed | null>): Record<string, number> {
  const values: Record<string, number> = {};
  for (const [role, need] of needs) {
    if (need === null) continue;
    noteShared(values, `${role}WorkerPerS`, need.capacity.requestsPerS);
    values[`${role}Needed`] = need.replicas;
    values[`${role}KeepsSla`] = need.capacity.isEligible ? 1 : 0;
  }
  return values;
}
