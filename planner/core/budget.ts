import { exceeded, type ResourceLimit } from "./limits.ts";
import type { Clamp, Role, Targets, WorkerCounts } from "./types.ts";

export interface BudgetRequest {
  wanted: Targets;
  minimum: Targets;
  workers: { prefill: WorkerCounts; decode: WorkerCounts };
  /** What may be allocated, draining workers included. */
  limits: readonly ResourceLimit[];
  /** Roles there are: `["decode"]` for an aggregated deployment. */
  roles: readonly Role[];
}

/** A clamp of the budget that ends by itself: once draining workers have gone. */
export const WHILE_DRAINING = "WhileDraining";

/**
 * Targets that, with draining workers and with the workers that these targets make drain, stay within every limit. A worker
 * that is told to go keeps its GPUs until it is empty, so what it frees is given away only when it has gone. Where the wish
 * does not fit, the split keeps the share of the scarcer role as high as possible. A minimum that does not fit yields: limits
 * are hard.
 */
export function withinBudget(request: BudgetRequest): { targets: Targets; clamps: Clamp[] } {
  const { wanted, limits } = request;
  const clamps: Clamp[] = [];
  if (limits.length === 0) return { targets: wanted, clamps };
  const ideal = fairSplit(request);
  noteClamps(clamps, request, wanted, ideal, "");
  const targets = affordableNow(request, ideal);
  noteClamps(clamps, request, ideal, targets, WHILE_DRAINING);
  return { targets, clamps };
}

/** Workers that hold resources once `targets` is in force and until workers that go are drained. */
export function allocatedWorkers(
  { roles, workers }: Pick<BudgetRequest, "roles" | "workers">,
  targets: Targets,
): Targets {
  const allocated = { prefill: 0, decode: 0 };
  for (const role of roles) {
    const { active, draining } = workers[role];
    allocated[role] = Math.max(targets[role], active) + draining;
  }
  return allocated;
}

/**
 * Raises `targets` until they use `minGpus`, as far as the limits allow now: one worker at a time to the role that has the least
 * more than it wanted.
 */
export function raisedToFloor(
  request: BudgetRequest,
  targets: Targets,
  minGpus: number,
  gpusPerWorker: Targets,
): { targets: Targets; clamps: Clamp[] } {
  const { roles, wanted, limits } = request;
  const raised = { ...targets };
  const gpus = () => roles.reduce((sum, role) => sum + raised[role] * gpusPerWorker[role], 0);
  while (gpus() < minGpus) {
    const more = (role: Role) => ({ ...raised, [role]: raised[role] + 1 });
    const role = roles
      .filter((each) => gpusPerWorker[each] > 0 && fitsNow(request, more(each)))
      .filter((each) => exceeded(limits, roles, more(each)) === undefined)
      .sort(
        (a, b) =>
          (raised[a] + 1) / Math.max(1, wanted[a]) - (raised[b] + 1) / Math.max(1, wanted[b]) ||
          gpusPerWorker[a] - gpusPerWorker[b],
      )[0];
    if (role === undefined) break;
    raised[role]++;
  }
  const clamps: Clamp[] = [];
  for (const role of roles) {
    if (raised[role] !== targets[role]) clamps.push({ name: "minGpus", role, from: targets[role], to: raised[role] });
  }
  return { targets: raised, clamps };
}

/** The split within the limits that maximises the smaller of got ÷ wanted, at least the minimum each if that fits. */
function fairSplit(request: BudgetRequest): Targets {
  const { wanted, limits, roles } = request;
  if (exceeded(limits, roles, wanted) === undefined) return wanted;
  const fits = exceeded(limits, roles, request.minimum) === undefined;
  const minimum = fits ? request.minimum : { prefill: 0, decode: 0 };
  if (roles.length === 1) {
    const role = roles[0]!;
    const other = role === "prefill" ? "decode" : "prefill";
    return { ...wanted, [role]: Math.min(wanted[role], most(role, { ...minimum, [other]: 0 }, limits)) };
  }
  let best: Targets = { prefill: minimum.prefill, decode: minimum.decode };
  let bestShare = -1;
  let bestOther = -1;
  for (let prefill = minimum.prefill; prefill <= wanted.prefill; prefill++) {
    const decode = Math.min(wanted.decode, most("decode", { prefill, decode: 0 }, limits));
    if (decode < minimum.decode) break;
    const shares = [share(prefill, wanted.prefill), share(decode, wanted.decode)];
    const smaller = Math.min(...shares);
    const other = Math.max(...shares);
    if (smaller > bestShare || (smaller === bestShare && other > bestOther)) {
      best = { prefill, decode };
      bestShare = smaller;
      bestOther = other;
    }
  }
  return best;
}

/** The most workers of `role` that fit beside the other role's; −1 where not even that one fits. */
function most(role: Role, beside: Targets, limits: readonly ResourceLimit[]): number {
  const other = role === "prefill" ? "decode" : "prefill";
  let least = Number.POSITIVE_INFINITY;
  for (const { amount, perWorker } of limits) {
    const left = amount * (1 + 1e-9) - beside[other] * perWorker[other];
    if (left < 0) return -1;
    if (perWorker[role] > 0) least = Math.min(least, Math.floor(left / perWorker[role]));
  }
  return least;
}

/** `ideal`, with roles that grow held back to what going workers leave. */
function affordableNow(request: BudgetRequest, ideal: Targets): Targets {
  const { workers, roles } = request;
  if (fitsNow(request, ideal)) return ideal;
  const standing = { ...ideal };
  for (const role of roles) standing[role] = Math.min(ideal[role], workers[role].active + workers[role].starting);
  if (!fitsNow(request, standing)) {
    // Even without growth there is too much: workers still starting go first, they cost nothing to stop.
    for (const role of roles) {
      while (standing[role] > workers[role].active && !fitsNow(request, standing)) standing[role]--;
    }
    return standing;
  }
  // One worker at a time to the role that is furthest from its ideal, while it fits.
  for (;;) {
    const growing = roles
      .filter((role) => standing[role] < ideal[role])
      .filter((role) => fitsNow(request, { ...standing, [role]: standing[role] + 1 }))
      .sort((a, b) => share(standing[a], ideal[a]) - share(standing[b], ideal[b]));
    const role = growing[0];
    if (role === undefined) return standing;
    standing[role]++;
  }
}

function fitsNow(request: BudgetRequest, targets: Targets): boolean {
  return exceeded(request.limits, request.roles, allocatedWorkers(request, targets)) === undefined;
}

function noteClamps(clamps: Clamp[], request: BudgetRequest, from: Targets, to: Targets, suffix: string): void {
  const { limits, roles } = request;
  for (const role of roles) {
    if (from[role] === to[role]) continue;
    const before = suffix === "" ? from : allocatedWorkers(request, from);
    const concerned = limits.filter(({ perWorker }) => perWorker[role] > 0);
    const limit = exceeded(concerned, roles, before) ?? concerned[0];
    clamps.push({ name: `${limit?.name ?? "maxGpus"}${suffix}`, role, from: from[role], to: to[role] });
  }
}

function share(got: number, wanted: number): number {
  return wanted === 0 ? 1 : got / wanted;
}
