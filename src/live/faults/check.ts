import type { RunnableScenario } from "#src/rehearsal";
import { faultNotLive } from "../errors.ts";

/** Nothing goes wrong on purpose in a deployment that is somebody else's. @throws UserError LIVE_FAULT_UNSUPPORTED */
export function checkNoFaults({ faults, locate }: Pick<RunnableScenario, "faults" | "locate">): void {
  const [first] = faults;
  if (first === undefined) return;
  const hint = "--live without --url and --kubeconfig plays faults on processes of its own";
  throw faultNotLive(locate(["faults", 0, first.kind]), first.kind, hint);
}
