import { BackOff } from "#common";
import { type Fault, roleOf } from "#scenarios";
import type { FaultRecord, RoleName } from "#src/record";
import type { Pool, SimulatedWorker } from "../pool.ts";

type StartFault = Extract<Fault, { kind: "failStartup" | "delayStartup" }>;

/** What befalls workers as they start. */
export class StartUps {
  readonly #active = new Map<StartFault, { record: FaultRecord; left: number }>();
  /** Workers whose start under way will fail, and how often they have failed. */
  readonly #failing = new Map<SimulatedWorker, BackOff>();
  readonly #willFail = new Set<SimulatedWorker>();

  begin(fault: StartFault, record: FaultRecord): void {
    this.#active.set(fault, { record, left: fault.kind === "failStartup" ? fault.starts : Number.POSITIVE_INFINITY });
  }

  end(fault: StartFault): void {
    this.#active.delete(fault);
  }

  /** Start-up time of a worker of the pool whose start begins now, ms. */
  startupMs({ role, spec }: Pool): number {
    let startupMs = spec.startupMs;
    for (const [fault, { record }] of this.#active) {
      if (fault.kind !== "delayStartup" || roleOf(fault.pool) !== role) continue;
      startupMs += fault.byMs;
      record.workers++;
    }
    return startupMs;
  }

  began(worker: SimulatedWorker): void {
    const found = this.#failureOf(worker.role);
    if (found === undefined) return;
    found.record.workers++;
    if (--found.left === 0) found.record.untilMs = worker.life.readyMs;
    this.#willFail.add(worker);
  }

  /**
   * The worker's start is over.
   * @returns when it begins again where it failed, ms from now, after kubelet's back-off; null: it is ready
   */
  failed(worker: SimulatedWorker, tookMs: number): number | null {
    if (!this.#willFail.delete(worker)) return null;
    let backOff = this.#failing.get(worker);
    if (backOff === undefined) {
      backOff = new BackOff(1);
      this.#failing.set(worker, backOff);
    }
    return backOff.ended(tookMs);
  }

  #failureOf(role: RoleName): { record: FaultRecord; left: number } | undefined {
    for (const [fault, state] of this.#active) {
      if (fault.kind === "failStartup" && roleOf(fault.pool) === role && state.left > 0) return state;
    }
    return undefined;
  }
}
