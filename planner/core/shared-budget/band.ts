import type { BudgetBand } from "./types.ts";

/**
 * GPUs by which the floor is relaxed where pools grow and shrink together: the most that one replica of them has, for whole workers
 * can't always cancel out exactly. The ceiling is what the cluster has: it is never relaxed. Only where there are both bounds, as
 * in Dynamo.
 */
export function bandTolerance({ minGpus, maxGpus }: BudgetBand, gpusPerReplica: readonly number[]): number {
  return minGpus === null || maxGpus === null ? 0 : Math.max(0, ...gpusPerReplica);
}

export function isAboveCeiling(total: number, { maxGpus }: BudgetBand): boolean {
  return maxGpus !== null && total > maxGpus;
}

export function isBelowFloor(total: number, { minGpus }: BudgetBand, tolerance: number): boolean {
  return minGpus !== null && total < minGpus - tolerance;
}

/** Why a total lies outside of the band, in the words of Dynamo's global planner; null where it lies within. */
export function outsideBand(total: number, band: BudgetBand, tolerance: number): string | null {
  if (isAboveCeiling(total, band)) return `total ${total} exceeds ceiling (${band.maxGpus})`;
  if (!isBelowFloor(total, band, tolerance)) return null;
  return `total ${total} below floor (${band.minGpus}${tolerance > 0 ? ` - tol ${tolerance}` : ""})`;
}

/** Whether a change brings a total that lies outside nearer to the band, and not out of its other end. */
export function leadsToBand(before: number, after: number, band: BudgetBand): boolean {
  if (isAboveCeiling(before, band)) return after < before && !isBelowFloor(after, band, 0);
  return isBelowFloor(before, band, 0) && after > before && !isAboveCeiling(after, band);
}
