import type { Role, Targets } from "../types.ts";

/** Bounds on all GPUs of a deployment; null: none. */
export interface GpuBounds {
  minGpus: number | null;
  maxGpus: number | null;
}

/**
 * Whether a number of GPUs is within bounds. Where both are set the lower one gives way by the GPUs of the largest replica:
 * otherwise no whole number of replicas might fit between them.
 */
function place(gpus: number, { minGpus, maxGpus }: GpuBounds, largestReplica: number): "above" | "below" | "within" {
  if (maxGpus !== null && gpus > maxGpus) return "above";
  const tolerance = minGpus !== null && maxGpus !== null ? largestReplica : 0;
  return minGpus !== null && gpus < minGpus - tolerance ? "below" : "within";
}

/**
 * Replicas of one pool within GPU bounds: cut down to what fits (0 where not even the minimum
 * does), or raised to the lower bound: as in Dynamo's planner of 2026, which raises even above an upper bound that is lower. A pool without GPUs is left as it is.
 */
export function boundSingle(wanted: number, gpusPerReplica: number, bounds: GpuBounds, minimum: number): number {
  if (gpusPerReplica <= 0) return wanted;
  const { minGpus, maxGpus } = bounds;
  switch (place(wanted * gpusPerReplica, bounds, gpusPerReplica)) {
    case "above": {
      const most = Math.floor(maxGpus! / gpusPerReplica);
      return most < minimum ? 0 : most;
    }
    case "below":
      return Math.ceil(minGpus! / gpusPerReplica);
    default:
      return wanted;
  }
}

/**
 * Replicas of two pools within GPU bounds, as Dynamo's planner of 2026 does it: both shrink in proportion and decode takes what
 * is left, so it may even grow; below the lower bound both grow, unless that would go above the upper one.
 * Nothing of either where not even the minimums fit. Pools without GPUs are left as they are.
 */
export function boundPair(wanted: Targets, gpusPerReplica: Targets, bounds: GpuBounds, minimum: Targets): Targets {
  const { prefill: gp, decode: gd } = gpusPerReplica;
  if (gp <= 0 || gd <= 0) return wanted;
  const { minGpus, maxGpus } = bounds;
  const total = wanted.prefill * gp + wanted.decode * gd;
  switch (place(total, bounds, Math.max(gp, gd))) {
    case "above": {
      const most = maxGpus!;
      if (minimum.prefill * gp + minimum.decode * gd > most) return { prefill: 0, decode: 0 };
      const besideDecode = Math.floor((most - minimum.decode * gd) / gp);
      const proportional = Math.floor(wanted.prefill * (most / total));
      const prefill = Math.max(minimum.prefill, Math.min(besideDecode, proportional));
      return { prefill, decode: Math.max(minimum.decode, Math.floor((most - prefill * gp) / gd)) };
    }
    case "below": {
      const least = minGpus!;
      const share = total <= 0 ? least / 2 / gp : (wanted.prefill * least) / total;
      const prefill = Math.max(minimum.prefill, Math.ceil(share));
      const decode = Math.max(minimum.decode, Math.ceil(Math.max(0, least - prefill * gp) / gd));
      return maxGpus !== null && prefill * gp + decode * gd > maxGpus ? wanted : { prefill, decode };
    }
    default:
      return wanted;
  }
}

/** What GPU bounds make of a wish. */
export interface Guarded {
  targets: Partial<Targets>;
  /** `reconciled`: what stands had to be brought within its bounds; `held`: what was wished is not to be had. */
  verdict: "reconciled" | "held" | null;
}

/**
 * What becomes of a wish that is no number of replicas within the bounds, as DynoSim 1.6.1 shows it. What stands outside its bounds is brought within
 * them, whatever was wished; where one of a pair is below its minimum, what was wished is. From within them nothing moves further than it was wished to,
 * nor the other way: sooner all stays as it is.
 * @param within the bounds applied @param isBelowMinimum of a pair: one role stands below its minimum
 */
export function guardedWish(
  standing: Partial<Targets>,
  wanted: Partial<Targets>,
  within: (replicas: Partial<Targets>) => Partial<Targets>,
  isBelowMinimum: boolean,
): Guarded {
  if (isBelowMinimum) return { targets: within(wanted), verdict: "reconciled" };
  const kept = within(standing);
  if (!isSame(kept, standing)) return { targets: kept, verdict: "reconciled" };
  const targets = within(wanted);
  if (isSame(targets, wanted)) return { targets, verdict: null };
  const isOnTheWay = rolesIn(targets).every((role) => {
    const [from, to, at] = [standing[role]!, wanted[role]!, targets[role]!];
    return Math.min(from, to) <= at && at <= Math.max(from, to);
  });
  if (isOnTheWay && !isSame(targets, standing)) return { targets, verdict: null };
  return { targets: standing, verdict: "held" };
}

function isSame(a: Partial<Targets>, b: Partial<Targets>): boolean {
  return rolesIn(a).every((role) => a[role] === b[role]);
}

function rolesIn(targets: Partial<Targets>): Role[] {
  return Object.keys(targets) as Role[];
}
