import { closeSync, existsSync, linkSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { stateInUse } from "./errors.ts";
import { identityOf, isAlive, type ProcessIdentity } from "./identity.ts";
import type { StateFolder } from "./state-folder.ts";

/** The process that holds a state folder; null where none that lives does. */
export function holderOf(state: StateFolder): ProcessIdentity | null {
  const holder = readHolder(state.lockFile);
  return holder !== null && isAlive(holder) ? holder : null;
}

/**
 * Takes a state folder for this process, from one that is dead, too.
 * @returns gives it back
 * @throws UserError RUNNER_STATE_IN_USE
 */
export function lockState(state: StateFolder): () => void {
  state.make();
  const own = identityOf(process.pid)!;
  const mine = `${state.lockFile}.${process.pid}`;
  const file = openSync(mine, "w", 0o600);
  writeSync(file, JSON.stringify(own));
  closeSync(file);
  try {
    for (let attempt = 0; ; attempt++) {
      try {
        // Made whole under another name, so that nobody reads half a lock.
        linkSync(mine, state.lockFile);
        break;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "EEXIST" || attempt > 2) throw error;
      }
      const holder = holderOf(state);
      if (holder !== null) throw stateInUse(state.path, holder.pid);
      rmSync(state.lockFile, { force: true });
    }
  } finally {
    rmSync(mine, { force: true });
  }
  return () => {
    if (readHolder(state.lockFile)?.pid === process.pid) rmSync(state.lockFile, { force: true });
  };
}

function readHolder(path: string): ProcessIdentity | null {
  if (!existsSync(path)) return null;
  try {
    const holder = JSON.parse(readFileSync(path, "utf8")) as Partial<ProcessIdentity>;
    return typeof holder.pid === "number" && typeof holder.startTime === "string" ? (holder as ProcessIdentity) : null;
  } catch {
    return null;
  }
}
