import type { RoleName, RunFacts, WorkerLife } from "#src/record";

export interface RoleCost {
  gpuSeconds: number;
  /** GPU-seconds ÷ (GPUs of a worker × length of the run). */
  averageWorkers: number;
  peakWorkers: number;
  /** Workers that ever existed. */
  startedWorkers: number;
}

/** What the run cost. GPUs count from the decision to start a worker until it is drained, or the run's end. */
export interface Cost {
  gpuSeconds: number;
  gpuHours: number;
  averageGpus: number;
  peakGpus: number;
  roles: Record<RoleName, RoleCost>;
}

export interface ScalingSummary {
  /** Changes of a role's wanted worker count. */
  events: number;
  up: number;
  down: number;
}

export function cost(record: RunFacts): Cost {
  const roles = { prefill: roleCost(record, "prefill"), decode: roleCost(record, "decode") };
  const gpuSeconds = roles.prefill.gpuSeconds + roles.decode.gpuSeconds;
  return {
    gpuSeconds,
    gpuHours: gpuSeconds / 3600,
    averageGpus: record.endMs > 0 ? gpuSeconds / (record.endMs / 1000) : Number.NaN,
    peakGpus: peak(record.workers, record.endMs, (worker) => record.gpusPerWorker[worker.role]),
    roles,
  };
}

export function scaling(record: RunFacts): ScalingSummary {
  const up = record.scalingEvents.filter((event) => event.to > event.from).length;
  return { events: record.scalingEvents.length, up, down: record.scalingEvents.length - up };
}

/** GPU-seconds a worker was held, up to `untilMs`. */
export function heldMs(worker: WorkerLife, untilMs: number): number {
  return Math.max(0, Math.min(worker.removedMs ?? untilMs, untilMs) - worker.createdMs);
}

function roleCost(record: RunFacts, role: RoleName): RoleCost {
  const workers = record.workers.filter((worker) => worker.role === role);
  const workerMs = workers.reduce((sum, worker) => sum + heldMs(worker, record.endMs), 0);
  return {
    gpuSeconds: (workerMs / 1000) * record.gpusPerWorker[role],
    averageWorkers: record.endMs > 0 ? workerMs / record.endMs : Number.NaN,
    peakWorkers: peak(workers, record.endMs, () => 1),
    startedWorkers: workers.length,
  };
}

/** Largest sum of `weight` over workers that exist at once; of one instant, removals come first. */
function peak(workers: WorkerLife[], endMs: number, weight: (worker: WorkerLife) => number): number {
  const changes = workers.flatMap((worker) => [
    { atMs: worker.createdMs, by: weight(worker) },
    { atMs: worker.removedMs ?? endMs, by: -weight(worker) },
  ]);
  changes.sort((a, b) => a.atMs - b.atMs || a.by - b.by);
  let now = 0;
  let most = 0;
  for (const change of changes) {
    now += change.by;
    most = Math.max(most, now);
  }
  return most;
}
