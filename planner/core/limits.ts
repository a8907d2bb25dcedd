import { budgetTooSmall } from "./errors.ts";
import type { Role, Targets } from "./types.ts";

/** Something that workers use up and of which there is only so much: GPUs over all roles, those of one role, power. */
export interface ResourceLimit {
  /** Name of the clamps it causes: `maxGpus`, `maxGpus.prefill`, `maxPowerWatts`. */
  name: string;
  amount: number;
  /** What a worker of each role uses, in units of `amount`; 0 where the limit does not concern it. */
  perWorker: Targets;
}

/** Limits that a planner is given: null or absent is none. */
export interface Limits {
  /** GPUs of all workers together, draining ones included. */
  maxGpus?: number | null | undefined;
  /** GPUs of one role alone. */
  maxGpusOf?: { prefill?: number | null | undefined; decode?: number | null | undefined };
  /** Power of all workers together, W; needs to know what a worker draws. */
  maxPowerWatts?: number | null | undefined;
  wattsPerWorker?: { prefill: number | null; decode: number | null };
}

/** The limits as a budget takes them, the closest first. */
export function resourceLimits(limits: Limits, gpusPerWorker: Targets): ResourceLimit[] {
  const found: ResourceLimit[] = [];
  const add = (name: string, amount: number | null | undefined, perWorker: Targets) => {
    if (amount !== null && amount !== undefined && Number.isFinite(amount)) found.push({ name, amount, perWorker });
  };
  add("maxGpus.prefill", limits.maxGpusOf?.prefill, { prefill: gpusPerWorker.prefill, decode: 0 });
  add("maxGpus.decode", limits.maxGpusOf?.decode, { prefill: 0, decode: gpusPerWorker.decode });
  add("maxGpus", limits.maxGpus, gpusPerWorker);
  const { prefill, decode } = limits.wattsPerWorker ?? { prefill: null, decode: null };
  add("maxPowerWatts", limits.maxPowerWatts, { prefill: prefill ?? 0, decode: decode ?? 0 });
  return found;
}

/** What `workers` use of a limit. */
export function usage({ perWorker }: ResourceLimit, roles: readonly Role[], workers: Targets): number {
  return roles.reduce((sum, role) => sum + workers[role] * perWorker[role], 0);
}

/** The first limit that `workers` exceed; undefined where they fit. */
export function exceeded(
  limits: readonly ResourceLimit[],
  roles: readonly Role[],
  workers: Targets,
): ResourceLimit | undefined {
  // Watts are fractions: what differs by rounding alone does not exceed.
  return limits.find((limit) => usage(limit, roles, workers) > limit.amount * (1 + 1e-9));
}

/**
 * Refuses limits that the minimum of each role does not fit, or one worker of each: a role that may go to zero needs it to come back.
 * A limit of 0 is another thing: without a minimum it says that nothing is to run.
 * @throws UserError PLANNER_BUDGET_TOO_SMALL
 */
export function checkLimits(limits: readonly ResourceLimit[], roles: readonly Role[], minWorkers: Targets): void {
  for (const limit of limits) {
    const least = { prefill: 0, decode: 0 };
    for (const role of roles) least[role] = Math.max(limit.amount === 0 ? 0 : 1, minWorkers[role]);
    if (exceeded([limit], roles, least) !== undefined) throw budgetTooSmall(limit, usage(limit, roles, least));
  }
}
