import type { BudgetBand, Intent, Role, SharedDecision, SharedFleet, SharedPool } from "#planner/core";

/** `pool("a", "prefill", 3)`: three prefill workers of deployment a, with one GPU each. */
export function pool(
  deployment: string,
  role: Role,
  replicas: number,
  gpusPerReplica = 1,
  takesChanges = true,
): SharedPool {
  return { deployment, role, replicas, gpusPerReplica, takesChanges };
}

export function fleetOf(...pools: SharedPool[]): SharedFleet {
  return { pools, otherGpus: 0 };
}

export function intent(deployment: string, role: Role, replicas: number, atMs = 0): Intent {
  return { deployment, role, replicas, atMs };
}

export function band(minGpus: number | null, maxGpus: number | null): BudgetBand {
  return { minGpus, maxGpus };
}

/** The fleet once a decision's legs have been carried out. */
export function carriedOut(fleet: SharedFleet, { legs }: Pick<SharedDecision, "legs">): SharedFleet {
  const pools = fleet.pools.map((each) => {
    const leg = legs.find(({ deployment }) => deployment === each.deployment);
    return { ...each, replicas: leg?.targets[each.role] ?? each.replicas };
  });
  return { ...fleet, pools };
}

export function gpusOf({ pools, otherGpus }: SharedFleet): number {
  return pools.reduce((sum, { replicas, gpusPerReplica }) => sum + replicas * gpusPerReplica, otherGpus);
}
