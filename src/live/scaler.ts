import type { Decision } from "#planner/core";
import type { RoleName, ScalingEvent } from "#src/record";
import { chooseVictims, noteDecision, scalingEvent } from "#src/simulator";
import type { LivePool, LiveWorker } from "./pool.ts";

const ROLES: readonly RoleName[] = ["prefill", "decode"];

/** What processes have to do for a decision, in this order. */
export interface ScalingStep {
  kind: "create" | "cancel" | "drain";
  worker: LiveWorker;
}

/** The planner's hands: keeps the books of a live deployment by the simulator's rules. Times in model ms of the run. */
export class LiveScaler {
  readonly decisions: Decision[] = [];
  readonly events: ScalingEvent[] = [];
  readonly #pools: Record<RoleName, LivePool | null>;
  readonly #start: (pool: LivePool, nowMs: number) => LiveWorker;

  /** @param start puts one more worker into a pool's books; by default one that is ready after its start-up */
  constructor(pools: Record<RoleName, LivePool | null>, start = startsAsUsual) {
    this.#pools = pools;
    this.#start = start;
  }

  /** True where the decision takes active workers away, so that it matters how much each has to do. */
  drains(decision: Decision): boolean {
    return ROLES.some((role) => {
      const pool = this.#pools[role];
      return pool !== null && decision.targets !== null && decision.targets[role] < pool.counts().active;
    });
  }

  /** Writes the decision down. */
  note(decision: Decision): void {
    noteDecision(this.decisions, decision);
  }

  /** Writes the decision down and changes the books; `outstanding` of the workers must be up to date where it drains. */
  carryOut(decision: Decision, nowMs: number): ScalingStep[] {
    this.note(decision);
    return ROLES.flatMap((role) => {
      const pool = this.#pools[role];
      if (pool === null) return [];
      const event = scalingEvent(decision, role, pool.counts(), nowMs);
      if (event === null) return [];
      this.events.push(event);
      return this.#scale(pool, event.to - event.from, nowMs);
    });
  }

  #scale(pool: LivePool, change: number, nowMs: number): ScalingStep[] {
    if (change >= 0) {
      return Array.from({ length: change }, () => ({
        kind: "create" as const,
        worker: this.#start(pool, nowMs),
      }));
    }
    return chooseVictims(pool.workers, -change).map((worker) => {
      if (worker.state === "starting") {
        pool.remove(worker, nowMs);
        return { kind: "cancel", worker };
      }
      pool.drain(worker, nowMs);
      return { kind: "drain", worker };
    });
  }
}

function startsAsUsual(pool: LivePool, nowMs: number): LiveWorker {
  return pool.add(nowMs, nowMs + pool.spec.startupMs);
}
