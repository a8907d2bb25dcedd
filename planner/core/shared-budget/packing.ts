import { bandTolerance, isAboveCeiling, isBelowFloor, outsideBand } from "./band.ts";
import type { Holdings } from "./holdings.ts";
import type { BudgetBand, Intent, PackingStep, SharedPool } from "./types.ts";

export interface Candidate {
  pool: SharedPool;
  /** Replicas that its planner wishes. */
  wished: number;
}

/**
 * Intents of the direction opposite to the request's, smallest change first; among equals those of the request's own deployment, which change in the
 * same stroke, then the fleet's order.
 */
export function candidatesFor(
  deployment: string,
  requestDeltaGpus: number,
  pools: readonly SharedPool[],
  intents: readonly Intent[],
): Candidate[] {
  if (requestDeltaGpus === 0) return [];
  const found = pools.flatMap((pool): Candidate[] => {
    const intent = intents.find((each) => each.deployment === pool.deployment && each.role === pool.role);
    if (intent === undefined || !pool.takesChanges) return [];
    const candidate = { pool, wished: intent.replicas };
    return gpusOf(candidate) * requestDeltaGpus < 0 ? [candidate] : [];
  });
  const own = (candidate: Candidate) => (candidate.pool.deployment === deployment ? 0 : 1);
  return found.sort((a, b) => Math.abs(gpusOf(a)) - Math.abs(gpusOf(b)) || own(a) - own(b));
}

/**
 * Takes as many candidates into `holdings`, which hold the request already, as the band allows: each in full while the total is within it
 * or still on its way to it; the first that would cross it as far as its edge, and no more after that. Where all of that ends
 * outside, the last one taken is put back and taken in part. On return `holdings` hold what was taken, within the band or not.
 * Greedy, as Dynamo's global planner has it: not the best packing, but the same one for the same inputs.
 */
export function pack(
  candidates: readonly Candidate[],
  holdings: Holdings,
  requestDeltaGpus: number,
  band: BudgetBand,
  tolerance: number,
): PackingStep[] {
  const steps: PackingStep[] = [];
  const take = (candidate: Candidate, to: number, verdict: PackingStep["verdict"]) => {
    holdings.set(candidate.pool, to);
    steps.push(stepOf(candidate, to, verdict, holdings.totalGpus));
  };
  let isCrossed = false;
  for (const candidate of candidates) {
    const { pool, wished } = candidate;
    if (isCrossed) {
      take(candidate, pool.replicas, "left");
      continue;
    }
    holdings.set(pool, wished);
    const total = holdings.totalGpus;
    const isStillOutside = requestDeltaGpus > 0 ? isAboveCeiling(total, band) : isBelowFloor(total, band, tolerance);
    if (outsideBand(total, band, tolerance) === null) take(candidate, wished, "full");
    else if (isStillOutside) take(candidate, wished, "approaching");
    else {
      isCrossed = true;
      const edge = edgeFor(candidate, holdings, band, tolerance);
      take(candidate, edge, edge === pool.replicas ? "crossed" : "partial");
    }
  }
  if (outsideBand(holdings.totalGpus, band, tolerance) !== null)
    shortenLast(steps, candidates, holdings, band, tolerance);
  return steps;
}

/** The most of a candidate's wish that keeps the total within the band; its present replicas where not even one step does. */
function edgeFor({ pool, wished }: Candidate, holdings: Holdings, band: BudgetBand, tolerance: number): number {
  holdings.set(pool, pool.replicas);
  const total = holdings.totalGpus;
  const { minGpus, maxGpus } = band;
  if (wished > pool.replicas) {
    const room = maxGpus === null ? Number.POSITIVE_INFINITY : Math.max(0, maxGpus - total);
    return Math.min(wished, pool.replicas + Math.floor(room / pool.gpusPerReplica));
  }
  const room = minGpus === null ? Number.POSITIVE_INFINITY : Math.max(0, total - (minGpus - tolerance));
  return Math.max(wished, pool.replicas - Math.floor(room / pool.gpusPerReplica));
}

function shortenLast(
  steps: PackingStep[],
  candidates: readonly Candidate[],
  holdings: Holdings,
  band: BudgetBand,
  tolerance: number,
): void {
  const last = steps.findLastIndex(({ from, to }) => from !== to);
  if (last < 0) return;
  const candidate = candidates[last]!;
  const taken = steps[last]!.to;
  const edge = edgeFor(candidate, holdings, band, tolerance);
  const to = edge === candidate.pool.replicas ? taken : edge;
  holdings.set(candidate.pool, to);
  steps[last] = stepOf(candidate, to, to === candidate.wished ? steps[last]!.verdict : "partial", holdings.totalGpus);
}

function stepOf({ pool, wished }: Candidate, to: number, verdict: PackingStep["verdict"], total: number): PackingStep {
  const { deployment, role, replicas: from, gpusPerReplica } = pool;
  return { deployment, role, from, wished, to, deltaGpus: (to - from) * gpusPerReplica, verdict, totalGpus: total };
}

function gpusOf({ pool, wished }: Candidate): number {
  return (wished - pool.replicas) * pool.gpusPerReplica;
}

/** Over the request's own changing pools and all candidates, once: who was taken first must not have been judged by less. */
export function packingTolerance(
  band: BudgetBand,
  changing: readonly SharedPool[],
  candidates: readonly Candidate[],
): number {
  return bandTolerance(
    band,
    [...changing, ...candidates.map(({ pool }) => pool)].map((pool) => pool.gpusPerReplica),
  );
}
