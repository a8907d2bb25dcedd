import type { BudgetBand, Leg, Role, SharedFleet, SharedPool, Targets } from "#planner/core";
import type { Deployment } from "./deployments.ts";
import type { LegOutcome } from "./types.ts";
import { within } from "./within.ts";

/** One leg with all its retries, ms. */
const SCALE_MS = 60_000;

export interface CarryOutOptions {
  legs: readonly Leg[];
  fleet: SharedFleet;
  band: BudgetBand;
  deployment(id: string): Deployment | undefined;
  /** Whether this process still acts: another one may have taken over. */
  mayAct(): boolean;
  /** One sentence, for events and logs. */
  reason: string;
  /** Number of the decision. */
  decision: number;
}

/**
 * Carries legs out one after the other, what frees GPUs first. Where the first fails, the others are not begun. Where a later one fails, those after it are carried
 * out as far as the ceiling allows with what has really been freed: what may have been changed by a request without an answer counts as the
 * larger. Nothing is put back: planners go on asking, and the next decision starts from what is in force.
 */
export async function carryOut(options: CarryOutOptions): Promise<LegOutcome[]> {
  const { legs, fleet, band, deployment, mayAct, reason, decision } = options;
  const counts = new Map(fleet.pools.map((pool) => [pool, pool.replicas]));
  const outcomes: LegOutcome[] = [];
  let aborted: string | null = null;
  for (const leg of legs) {
    const changes = changesOf(leg, fleet);
    const growth = changes.reduce((sum, { pool, replicas }) => sum + gpus(pool, replicas - counts.get(pool)!), 0);
    const total = fleet.pools.reduce((sum, pool) => sum + gpus(pool, counts.get(pool)!), fleet.otherGpus);
    const found = deployment(leg.deployment);
    if (aborted === null && !mayAct()) aborted = "not begun: another global planner has taken over";
    if (aborted !== null) outcomes.push({ ...leg, status: "aborted", message: aborted, inForce: {} });
    else if (found === undefined) {
      outcomes.push({ ...leg, status: "failed", message: "the deployment is gone", inForce: {} });
    } else if (growth > 0 && band.maxGpus !== null && total + growth > band.maxGpus) {
      const message = `held back: ${total} GPUs are taken after the steps before it, ${growth} more exceed the ceiling (${band.maxGpus})`;
      outcomes.push({ ...leg, status: "held-back", message, inForce: {} });
    } else {
      const outcome = await scale(found, leg, reason, decision);
      outcomes.push(outcome);
      for (const { pool, replicas } of changes)
        counts.set(pool, countAfter(outcome, pool, counts.get(pool)!, replicas));
    }
    const { status } = outcomes.at(-1)!;
    if (outcomes.length === 1 && status !== "applied" && status !== "unchanged") {
      aborted ??= "not begun: the first step failed";
    }
  }
  return outcomes;
}

async function scale({ connector }: Deployment, leg: Leg, reason: string, decision: number): Promise<LegOutcome> {
  try {
    return { ...leg, ...(await within(SCALE_MS, connector.scale({ targets: leg.targets, reason, decision }))) };
  } catch (error) {
    return { ...leg, status: "failed", message: (error as Error).message, inForce: {} };
  }
}

/** Replicas that count towards the ceiling after a leg. */
function countAfter({ status, inForce }: LegOutcome, pool: SharedPool, before: number, wished: number): number {
  if (status === "applied" || status === "unchanged") return inForce[pool.role] ?? wished;
  if (status === "failed") return Math.max(before, wished, inForce[pool.role] ?? 0);
  return inForce[pool.role] ?? before;
}

function changesOf({ deployment, targets }: Leg, { pools }: SharedFleet): { pool: SharedPool; replicas: number }[] {
  return (Object.entries(targets) as [Role, number][]).flatMap(([role, replicas]) => {
    const pool = pools.find((each) => each.deployment === deployment && each.role === role);
    return pool === undefined ? [] : [{ pool, replicas }];
  });
}

function gpus(pool: SharedPool, replicas: number): number {
  return pool.gpusPerReplica * replicas;
}

/** Replicas in force of a deployment after its leg, as far as known. */
export function inForceAfter(outcome: LegOutcome | undefined, before: Partial<Targets>): Partial<Targets> {
  if (outcome === undefined) return before;
  const known = outcome.status === "applied" ? { ...outcome.targets, ...outcome.inForce } : outcome.inForce;
  return { ...before, ...known };
}
