import type { Decision, WorkerCounts } from "#planner/core";
import type { RoleName, ScalingEvent } from "#src/record";

/**
 * Writes a decision down behind those before it. A planner that was restarted counts its ticks from the beginning: they go on here.
 * @returns the decision as it is written
 */
export function noteDecision(decisions: Decision[], made: Decision): Decision {
  const tick = decisions.length;
  const decision = made.tick < tick ? { ...made, tick } : made;
  decisions.push(decision);
  return decision;
}

/**
 * What a decision changes of one role; live runs carry decisions out by the same rule.
 * @param counts of the role's workers at the tick @param atMs time of the tick, ms of the run
 * @returns null where it changes nothing
 */
export function scalingEvent(
  decision: Decision,
  role: RoleName,
  counts: WorkerCounts,
  atMs: number,
): ScalingEvent | null {
  const to = decision.targets?.[role];
  const from = counts.active + counts.starting;
  if (to === undefined || to === from) return null;
  const reasons = decision.reasons.filter((reason) => reason.role === role || reason.role === null);
  return { atMs, role, from, to, reason: reasons.map((reason) => reason.code).join(", ") };
}

/** A worker as far as the choice of who goes looks at it. */
export interface ScalableWorker {
  /** Number of the worker within its role, in the order in which they were made. */
  id: number;
  state: "starting" | "active" | "draining" | "removed";
  /** Work given to it and not done, in the router's measure. */
  outstanding: number;
}

/**
 * Who goes: starting workers first (the youngest), then the least loaded active ones (ties: the highest id).
 * @param workers of one role, by id @param count how many are to go @param highestIds the highest ids go, whatever their load
 * @returns those that go, in this order; fewer where there are fewer that start or take requests
 */
export function chooseVictims<W extends ScalableWorker>(workers: readonly W[], count: number, highestIds = false): W[] {
  const starting = workers.filter((worker) => worker.state === "starting").reverse();
  const active = workers
    .filter((worker) => worker.state === "active")
    .sort((a, b) => (highestIds ? 0 : a.outstanding - b.outstanding) || b.id - a.id);
  return [...starting, ...active].slice(0, count);
}
