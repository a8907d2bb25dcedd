import type { Role } from "../types.ts";
import { bandTolerance, leadsToBand, outsideBand } from "./band.ts";
import { Holdings } from "./holdings.ts";
import { candidatesFor, pack, packingTolerance } from "./packing.ts";
import type {
  BudgetBand,
  Intent,
  Leg,
  SharedDecision,
  SharedFleet,
  SharedPool,
  SharedRequest,
  SharedVerdict,
} from "./types.ts";

export interface SharedDecisionInput {
  request: SharedRequest;
  fleet: SharedFleet;
  /** Those that still count; the request's own may be among them. */
  intents: readonly Intent[];
  band: BudgetBand;
  /**
   * Deny whatever leaves the total outside of the band, as Dynamo's global planner does. Without it, what leads a total that lies outside nearer to
   * the band is granted: else deployments that begin above the ceiling, or below the floor by more than one step, could never move.
   */
  isStrict?: boolean;
}

/**
 * Whether a request is granted under the budget that several deployments share, and what else is changed along with it: the rules of
 * Dynamo's global planner. Roles of the request that have no pool count for nothing.
 */
export function decideShared({ request, fleet, intents, band, isStrict = false }: SharedDecisionInput): SharedDecision {
  const now = new Holdings(fleet).totalGpus;
  const alone = requested(fleet, request);
  const changing = alone.changes;
  const standalone = alone.totalGpus;
  const deltaGpus = standalone - now;
  const directions = changing.map(({ pool, replicas }) => Math.sign(replicas - pool.replicas));
  const isInternallyPaired = directions.includes(1) && directions.includes(-1);
  const pools = changing.map(({ pool }) => pool);
  const ownTolerance = isInternallyPaired
    ? bandTolerance(
        band,
        pools.map(({ gpusPerReplica }) => gpusPerReplica),
      )
    : 0;
  const decided = (verdict: SharedVerdict, holdings: Holdings, more: Partial<SharedDecision> = {}): SharedDecision => ({
    verdict,
    message: "",
    legs: legsOf(holdings, request.deployment),
    totals: { now, standalone, after: holdings.totalGpus },
    deltaGpus,
    isInternallyPaired,
    tolerance: { standalone: ownTolerance, paired: 0 },
    band,
    packing: [],
    ...more,
  });
  if (band.minGpus === null && band.maxGpus === null) return decided("unlimited", alone);
  if (changing.length === 0) return decided("standalone", alone);

  const others = fleet.pools.filter((pool) => !isRequested(pool, request));
  const candidates = candidatesFor(request.deployment, deltaGpus, others, intents);
  const pairedTolerance = candidates.length === 0 ? 0 : packingTolerance(band, pools, candidates);
  const packed = requested(fleet, request);
  const packing = pack(candidates, packed, deltaGpus, band, pairedTolerance);
  const values = { packing, tolerance: { standalone: ownTolerance, paired: pairedTolerance } };
  const isPaired = packing.some(({ from, to }) => from !== to);
  if (isPaired && outsideBand(packed.totalGpus, band, pairedTolerance) === null)
    return decided("paired", packed, values);

  const why = outsideBand(standalone, band, ownTolerance);
  if (why === null) return decided("standalone", alone, values);
  if (!isStrict && leadsToBand(now, standalone, band)) return decided("towards-band", alone, values);
  return decided("denied", new Holdings(fleet), {
    ...values,
    message: `GPU budget breach: ${why}; no feasible pair packing`,
  });
}

function requested(fleet: SharedFleet, { deployment, targets }: SharedRequest): Holdings {
  const holdings = new Holdings(fleet);
  for (const [role, replicas] of Object.entries(targets) as [Role, number | undefined][]) {
    const pool = holdings.pool(deployment, role);
    if (pool !== undefined && replicas !== undefined) holdings.set(pool, replicas);
  }
  return holdings;
}

function isRequested({ deployment, role }: SharedPool, request: SharedRequest): boolean {
  return deployment === request.deployment && request.targets[role] !== undefined;
}

/** By deployment; those that free most come first, so that what needs GPUs finds them; among equals the request's own. */
function legsOf(holdings: Holdings, own: string): Leg[] {
  const legs = new Map<string, Leg>();
  for (const { pool, replicas } of holdings.changes) {
    const { deployment, role } = pool;
    const leg = legs.get(deployment) ?? { deployment, targets: {}, deltaGpus: 0 };
    leg.targets[role] = replicas;
    leg.deltaGpus += (replicas - pool.replicas) * pool.gpusPerReplica;
    legs.set(deployment, leg);
  }
  const rank = ({ deployment }: Leg) => (deployment === own ? 0 : 1);
  return [...legs.values()].sort((a, b) => a.deltaGpus - b.deltaGpus || rank(a) - rank(b));
}
