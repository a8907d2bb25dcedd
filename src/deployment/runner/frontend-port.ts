import { portTaken } from "./errors.ts";
import { isFree } from "./ports.ts";
import type { StateFolder } from "./state-folder.ts";

/** A port that a user names must be had, if not by a process that is to be adopted. @throws UserError RUNNER_PORT_TAKEN */
export async function checkFrontendPort(state: StateFolder, port: number): Promise<void> {
  const own = state.deployments().flatMap((folder) => folder.readProcesses());
  if (own.some(({ ports }) => ports.main === port) || (await isFree(port))) return;
  throw portTaken(port);
}
