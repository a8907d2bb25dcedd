import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync } from "node:fs";
import { readControlAddress, type StateFolder } from "#src/deployment";
import { backgroundFailed } from "./errors.ts";

const LOOK_MS = 50;

/**
 * Starts this command line again as a process that outlives this one and its terminal; resolves when it has begun what it
 * was started for.
 * @param args of the command line, without what made it go to the background
 * @param input what it finds on its standard input
 * @throws UserError RUNNER_DID_NOT_START
 */
export async function startInBackground(state: StateFolder, args: readonly string[], input: string): Promise<number> {
  state.make();
  const log = openSync(state.log, "w", 0o600);
  const child = spawn(process.execPath, [process.argv[1]!, ...args], { detached: true, stdio: ["pipe", log, log] });
  closeSync(log);
  child.stdin!.on("error", () => {}); // It has ended: that is told below.
  child.stdin!.end(input);
  const ended = once(child, "exit").catch(() => [1]);
  let hasEnded = false;
  void ended.then(() => {
    hasEnded = true;
  });
  const hasStarted = () => {
    const address = readControlAddress(state);
    return address?.pid === child.pid && address?.hasStarted === true;
  };
  while (!hasStarted()) {
    if (hasEnded) {
      const [code] = (await ended) as [number | null];
      throw backgroundFailed(state.log, lastError(readFileSync(state.log, "utf8")), code === 2 ? 2 : 1);
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
  child.unref();
  return child.pid!;
}

/** What it said at its end: the error, without the notes before it. */
function lastError(log: string): string {
  const begin = /^error: (?![\s\S]*^error: )/m.exec(log);
  return begin === null ? log.trim() : log.slice(begin.index + begin[0].length).trim();
}
