import type { Fault } from "#scenarios/workload";
import { EventPriority, type EventQueue } from "../event-queue.ts";
import type { Simulation } from "../simulation.ts";
import type { SimulationSpec } from "../types.ts";
import { Actions } from "./actions.ts";
import { FaultPlayer } from "./player.ts";
import type { Stage } from "./stage.ts";

export type { FaultPlayer } from "./player.ts";

/** What plays a specification's faults; null where nothing goes wrong, and every client waits. */
export function faultPlayer(
  simulation: Simulation,
  events: EventQueue,
  stage: Omit<Stage, "simulation" | "at">,
): FaultPlayer | null {
  const { faults = [], clients = null } = simulation.spec;
  if (faults.length === 0 && clients === null) return null;
  const actions = new Actions();
  const at = (atMs: number, act: () => void) => events.push(atMs, EventPriority.fault, actions.add(act));
  return new FaultPlayer({ ...stage, simulation, at }, actions);
}

/** How often each request has come back to a worker, as it begins; null where nothing can send one back. */
export function returnColumn({ faults = [], clients = null, workload }: SimulationSpec): Uint16Array | null {
  const sendsBack = ({ kind }: Fault) => kind === "kill" || kind === "loseNode" || kind === "loseTransfers";
  return (clients !== null && clients.retries > 0) || faults.some(sendsBack) ? new Uint16Array(workload.count) : null;
}
