import type { RunnableScenario } from "#src/rehearsal";
import { faultNotLive } from "../errors.ts";

type Faulty = Pick<RunnableScenario, "faults" | "clients" | "locate">;

/** The load generator's clients are patient. @throws UserError LIVE_FAULT_UNSUPPORTED */
export function checkClients({ clients, locate }: Faulty): void {
  if (clients === null) return;
  throw faultNotLive(locate(["clients"]), "clients", "without --live the whole scenario is played in virtual time");
}

/** Nothing goes wrong on purpose in a deployment that is somebody else's. @throws UserError LIVE_FAULT_UNSUPPORTED */
export function checkNoFaults(scenario: Faulty): void {
  const [first] = scenario.faults;
  if (first !== undefined) {
    const hint = "--live without --url and --kubeconfig plays faults on processes of its own";
    throw faultNotLive(scenario.locate(["faults", 0, first.kind]), first.kind, hint);
  }
  checkClients(scenario);
}
