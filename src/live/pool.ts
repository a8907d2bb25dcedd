import type { WorkerCounts } from "#planner/core";
import type { RoleName, WorkerLife } from "#src/record";
import type { PoolSpec, ScalableWorker } from "#src/simulator";

/** A worker of a live run as its parent keeps book of it. */
export interface LiveWorker extends ScalableWorker {
  readonly role: RoleName;
  /** `prefill/0`; an aggregated worker is a decode worker in records. */
  readonly name: string;
  readonly life: WorkerLife;
  /** Null until it listens. */
  url: string | null;
}

/** The workers of one role, past and present; times in model ms of the run. */
export class LivePool {
  readonly role: RoleName;
  readonly spec: PoolSpec;
  readonly workers: LiveWorker[] = [];

  constructor(role: RoleName, spec: PoolSpec) {
    this.role = role;
    this.spec = spec;
  }

  /** One more, paid for from now on. */
  add(nowMs: number, readyMs: number): LiveWorker {
    const id = this.workers.length;
    const worker: LiveWorker = {
      id,
      role: this.role,
      name: `${this.role}/${id}`,
      state: "starting",
      outstanding: 0,
      life: { role: this.role, id, createdMs: nowMs, readyMs, drainingMs: null, removedMs: null },
      url: null,
    };
    this.workers.push(worker);
    return worker;
  }

  named(name: string): LiveWorker | undefined {
    return this.workers.find((worker) => worker.name === name);
  }

  markReady(worker: LiveWorker): void {
    if (worker.state === "starting") worker.state = "active";
  }

  drain(worker: LiveWorker, nowMs: number): void {
    worker.state = "draining";
    worker.life.drainingMs = nowMs;
  }

  remove(worker: LiveWorker, nowMs: number): void {
    worker.state = "removed";
    worker.life.removedMs = nowMs;
  }

  counts(): WorkerCounts {
    const counts = { active: 0, starting: 0, draining: 0 };
    for (const { state } of this.workers) if (state !== "removed") counts[state]++;
    return counts;
  }
}
