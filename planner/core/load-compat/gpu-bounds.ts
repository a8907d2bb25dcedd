import type { Targets } from "../types.ts";

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
