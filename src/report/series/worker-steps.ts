import type { RoleName, WorkerLife } from "#src/record";

/** Worker counts of a role as steps: from `atMs[i]` on the counts of index i hold. */
export interface WorkerSteps {
  atMs: number[];
  active: number[];
  starting: number[];
  draining: number[];
}

type State = "active" | "starting" | "draining";

/** Exact counts over time from the lives of the workers, up to `endMs`. */
export function workerSteps(workers: WorkerLife[], role: RoleName, endMs: number): WorkerSteps {
  const changes: { atMs: number; state: State; by: number }[] = [];
  const stay = (state: State, from: number, to: number) => {
    if (from >= endMs || to <= from) return;
    changes.push({ atMs: from, state, by: 1 });
    if (to < endMs) changes.push({ atMs: to, state, by: -1 });
  };
  for (const worker of workers) {
    if (worker.role !== role) continue;
    const goneMs = worker.removedMs ?? Number.POSITIVE_INFINITY;
    const leavesMs = Math.min(worker.drainingMs ?? goneMs, goneMs);
    stay("starting", worker.createdMs, Math.min(worker.readyMs, leavesMs));
    stay("active", worker.readyMs, leavesMs);
    stay("draining", leavesMs, goneMs);
  }
  changes.sort((a, b) => a.atMs - b.atMs);
  const steps: WorkerSteps = { atMs: [], active: [], starting: [], draining: [] };
  const now = { active: 0, starting: 0, draining: 0 };
  for (let i = 0; i < changes.length; i++) {
    const { atMs, state, by } = changes[i]!;
    now[state] += by;
    if (changes[i + 1]?.atMs === atMs) continue;
    push(steps, Math.max(0, atMs), now);
  }
  if (steps.atMs.length > 0 && steps.atMs.at(-1)! < endMs) push(steps, endMs, now);
  return steps;
}

function push(steps: WorkerSteps, atMs: number, counts: Record<State, number>): void {
  steps.atMs.push(atMs);
  steps.active.push(counts.active);
  steps.starting.push(counts.starting);
  steps.draining.push(counts.draining);
}
