import type { FaultKind } from "#scenarios";
import type { RunnableScenario } from "#src/rehearsal";
import { faultNotLive } from "../errors.ts";

/** Faults that a live run can play on processes of its own. */
const PLAYED: ReadonlySet<FaultKind> = new Set<FaultKind>([]);

const IN_VIRTUAL_TIME = "without --live the whole scenario is played in virtual time";

/** @param played those that can be played; none where somebody else runs the deployment @throws UserError LIVE_FAULT_UNSUPPORTED */
export function checkFaults(
  { faults, clients, locate }: Pick<RunnableScenario, "faults" | "clients" | "locate">,
  played: ReadonlySet<FaultKind> = PLAYED,
): void {
  faults.forEach(({ kind }, i) => {
    if (!played.has(kind)) throw faultNotLive(locate(["faults", i, kind]), kind, IN_VIRTUAL_TIME);
  });
  if (clients !== null) throw faultNotLive(locate(["clients"]), "clients", IN_VIRTUAL_TIME);
}

/** Nothing goes wrong on purpose in a deployment that is somebody else's. */
export function checkNoFaults(scenario: Pick<RunnableScenario, "faults" | "clients" | "locate">): void {
  checkFaults(scenario, new Set());
}
