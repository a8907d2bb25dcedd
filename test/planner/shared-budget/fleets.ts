import fc from "fast-check";
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

export const ROLES: readonly Role[] = ["prefill", "decode"];
export const count = fc.integer({ min: 0, max: 12 });

/** A few deployments, disaggregated or not, some of which take no changes now. */
export const fleets: fc.Arbitrary<SharedFleet> = fc
  .array(
    fc.record({
      roles: fc.constantFrom<readonly Role[]>(ROLES, ["decode"]),
      replicas: fc.tuple(count, count),
      gpus: fc.tuple(fc.constantFrom(0, 1, 2, 4, 8), fc.constantFrom(1, 2, 4, 8)),
      takesChanges: fc.boolean(),
    }),
    { minLength: 1, maxLength: 5 },
  )
  .chain((deployments) =>
    fc.constantFrom(0, 0, 3).map((otherGpus) => ({
      otherGpus,
      pools: deployments.flatMap(({ roles, replicas, gpus, takesChanges }, i) =>
        roles.map((role) => ({
          deployment: `d${i}`,
          role,
          replicas: replicas[ROLES.indexOf(role)]!,
          gpusPerReplica: gpus[ROLES.indexOf(role)]!,
          takesChanges,
        })),
      ),
    })),
  );
