import type { Clamp, Role, Targets, WorkerCounts } from "./types.ts";

export interface BudgetRequest {
  wanted: Targets;
  minimum: Targets;
  workers: { prefill: WorkerCounts; decode: WorkerCounts };
  gpusPerWorker: Targets;
  /** GPUs that may be allocated, draining workers included. */
  maxGpus: number;
  /** Roles there are: `["decode"]` for an aggregated deployment. */
  roles: readonly Role[];
}

/**
 * Targets whose GPUs, with those of draining workers and of the workers that these targets make drain, stay within the
 * budget. A worker that is told to go keeps its GPUs until it is empty, so what it frees is given away only when it has gone.
 * Where the wish does not fit, the split keeps the share of the scarcer role as high as possible.
 */
export function withinBudget(request: BudgetRequest): { targets: Targets; clamps: Clamp[] } {
  const { wanted, roles, maxGpus } = request;
  const clamps: Clamp[] = [];
  if (!Number.isFinite(maxGpus)) return { targets: wanted, clamps };
  const ideal = fairSplit(request, wanted, maxGpus);
  noteClamps(clamps, "maxGpus", roles, wanted, ideal);
  const targets = affordableNow(request, ideal);
  noteClamps(clamps, "maxGpusWhileDraining", roles, ideal, targets);
  return { targets, clamps };
}

/** GPUs that stand allocated once `targets` is in force and until workers that go are drained. */
export function allocatedGpus(
  request: Omit<BudgetRequest, "wanted" | "minimum" | "maxGpus">,
  targets: Targets,
): number {
  let gpus = 0;
  for (const role of request.roles) {
    const { active, draining } = request.workers[role];
    gpus += request.gpusPerWorker[role] * (Math.max(targets[role], active) + draining);
  }
  return gpus;
}

/** The split within `gpus` that maximises the smaller of got ÷ wanted, at least the minimum each. */
function fairSplit(request: BudgetRequest, wanted: Targets, gpus: number): Targets {
  const { gpusPerWorker, minimum, roles } = request;
  if (cost(roles, gpusPerWorker, wanted) <= gpus) return wanted;
  if (roles.length === 1) {
    const role = roles[0]!;
    const most = Math.max(minimum[role], Math.floor(gpus / gpusPerWorker[role]));
    return { ...wanted, [role]: Math.min(wanted[role], most) };
  }
  let best: Targets = { prefill: minimum.prefill, decode: minimum.decode };
  let bestShare = -1;
  let bestOther = -1;
  for (let prefill = minimum.prefill; prefill <= wanted.prefill; prefill++) {
    const left = Math.floor((gpus - prefill * gpusPerWorker.prefill) / gpusPerWorker.decode);
    const decode = Math.min(wanted.decode, left);
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

/** `ideal`, with roles that grow held back to what the GPUs of going workers leave. */
function affordableNow(request: BudgetRequest, ideal: Targets): Targets {
  const { workers, gpusPerWorker, roles, maxGpus } = request;
  if (allocatedGpus(request, ideal) <= maxGpus) return ideal;
  const standing = { ...ideal };
  for (const role of roles) standing[role] = Math.min(ideal[role], workers[role].active + workers[role].starting);
  if (allocatedGpus(request, standing) > maxGpus) {
    // Even without growth there is too much: workers still starting go first, they cost nothing to stop.
    for (const role of roles) {
      while (standing[role] > workers[role].active && allocatedGpus(request, standing) > maxGpus) standing[role]--;
    }
    return standing;
  }
  // One worker at a time to the role that is furthest from its ideal, while it fits.
  for (;;) {
    const growing = roles
      .filter((role) => standing[role] < ideal[role])
      .filter((role) => allocatedGpus(request, { ...standing, [role]: standing[role] + 1 }) <= maxGpus)
      .sort(
        (a, b) => share(standing[a], ideal[a]) - share(standing[b], ideal[b]) || gpusPerWorker[a] - gpusPerWorker[b],
      );
    const role = growing[0];
    if (role === undefined) return standing;
    standing[role]++;
  }
}

function noteClamps(clamps: Clamp[], name: string, roles: readonly Role[], from: Targets, to: Targets): void {
  for (const role of roles) if (from[role] !== to[role]) clamps.push({ name, role, from: from[role], to: to[role] });
}

function cost(roles: readonly Role[], gpusPerWorker: Targets, targets: Targets): number {
  return roles.reduce((sum, role) => sum + targets[role] * gpusPerWorker[role], 0);
}

function share(got: number, wanted: number): number {
  return wanted === 0 ? 1 : got / wanted;
}
