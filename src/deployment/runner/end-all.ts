import { DEPLOYMENT_VARIABLE, NONCE_VARIABLE } from "./command.ts";
import { isAlive, type ProcessIdentity, processesWith } from "./identity.ts";
import { endProcesses, type ProcessRecord } from "./process.ts";
import type { DeploymentFolder } from "./state-folder.ts";

/** Processes that an earlier runner left of a deployment: those it wrote down, and all that carry its mark. */
export function leftBehind(folder: DeploymentFolder): ProcessIdentity[] {
  const recorded = readRecords(folder).flatMap(({ identity, nonce }) =>
    identity === null ? processesWith(NONCE_VARIABLE, nonce) : isAlive(identity) ? [identity] : [],
  );
  const marked = processesWith(DEPLOYMENT_VARIABLE, folder.path);
  const byPid = new Map([...recorded, ...marked].map((identity) => [identity.pid, identity]));
  byPid.delete(process.pid);
  return [...byPid.values()];
}

/** Ends a deployment that no runner looks after, and removes its state. */
export async function endDeployment(
  folder: DeploymentFolder,
  processes: readonly ProcessIdentity[],
  graceMs: number,
): Promise<void> {
  await endProcesses(processes, graceMs);
  folder.remove();
}

function readRecords(folder: DeploymentFolder): ProcessRecord[] {
  try {
    return folder.readProcesses();
  } catch {
    // Damaged as it may be, processes carry the mark.
    return [];
  }
}
