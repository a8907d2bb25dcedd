import { BackOff } from "#common";
import { type Fault, roleOf } from "#scenarios/workload";
import type { FaultRecord, RoleName, WorkerLife } from "#src/record";
import type { PoolSpec } from "../types.ts";

type StartFault = Extract<Fault, { kind: "failStartup" | "delayStartup" }>;

/** A worker that starts, whichever way it is played, and its pool. */
type Starting = { readonly role: RoleName; readonly life: WorkerLife };
type StartingPool = { readonly role: RoleName; readonly spec: PoolSpec };

interface Active {
  record: FaultRecord;
  /** Starts that are yet to fail. */
  left: number;
  /** Workers that it struck, whose starts may fail more than once. */
  struck: Set<Starting>;
}

/** What befalls workers as they start. */
export class StartUps {
  readonly #active = new Map<StartFault, Active>();
  /** Workers whose start under way will fail, and how often they have failed. */
  readonly #failing = new Map<Starting, BackOff>();
  readonly #willFail = new Set<Starting>();

  begin(fault: StartFault, record: FaultRecord): void {
    const left = fault.kind === "failStartup" ? fault.starts : Number.POSITIVE_INFINITY;
    this.#active.set(fault, { record, left, struck: new Set() });
  }

  end(fault: StartFault): void {
    this.#active.delete(fault);
  }

  /** Start-up time of a worker of the pool whose start begins now, ms. */
  startupMs({ role, spec }: StartingPool): number {
    let startupMs = spec.startupMs;
    for (const fault of this.#active.keys()) {
      if (fault.kind === "delayStartup" && roleOf(fault.pool) === role) startupMs += fault.byMs;
    }
    return startupMs;
  }

  /** A start of the worker has begun, which takes as long as `startupMs` said. */
  began(worker: Starting): void {
    for (const [fault, active] of this.#active) {
      if (fault.kind === "delayStartup" && roleOf(fault.pool) === worker.role) strike(active, worker);
    }
    const found = this.#failureOf(worker.role);
    if (found === undefined) return;
    strike(found, worker);
    if (--found.left === 0) found.record.untilMs = worker.life.readyMs;
    this.#willFail.add(worker);
  }

  /** Whether the start under way will fail at its end. */
  willFail(worker: Starting): boolean {
    return this.#willFail.has(worker);
  }

  /**
   * The worker's start is over.
   * @returns whether it has failed; the next one is under way then, after kubelet's back-off, until `life.readyMs`
   */
  failed(worker: Starting, pool: StartingPool, nowMs: number): boolean {
    if (!this.#willFail.delete(worker)) return false;
    let backOff = this.#failing.get(worker);
    if (backOff === undefined) {
      backOff = new BackOff(1);
      this.#failing.set(worker, backOff);
    }
    worker.life.readyMs = nowMs + backOff.ended(pool.spec.startupMs) + this.startupMs(pool);
    this.began(worker);
    return true;
  }

  #failureOf(role: RoleName): Active | undefined {
    for (const [fault, state] of this.#active) {
      if (fault.kind === "failStartup" && roleOf(fault.pool) === role && state.left > 0) return state;
    }
    return undefined;
  }
}

function strike({ record, struck }: Active, worker: Starting): void {
  record.workers = struck.add(worker).size;
}
