/** The cache of tools that tests and benchmarks fetch once (`${XDG_CACHE_HOME:-~/.cache}/understudy`), shared by processes. */
import { existsSync, mkdirSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

export const INSTALL_TIMEOUT_MS = 15 * 60_000;
/** The holder of a lock touches it this often; a lock untouched for three times as long has lost its holder. */
const LOCK_TOUCH_MS = 5_000;

/** A tool can't be had on this machine; the message is a reason to skip, fit to be shown. */
export class ToolMissing extends Error {
  override readonly name = "ToolMissing";
}

/** The folder of what tests and benchmarks fetch once. */
export function toolCache(...parts: string[]): string {
  return join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "understudy", ...parts);
}

/** The first of `names` that a folder of PATH holds. */
export function findOnPath(names: readonly string[]): string | undefined {
  const folders = (process.env.PATH ?? "").split(delimiter).filter((folder) => folder !== "");
  return names.flatMap((name) => folders.map((folder) => join(folder, name))).find((path) => existsSync(path));
}

/** Runs `make` where `folder` is not finished, once over all processes; a half-made folder is thrown away. */
export async function once(folder: string, make: () => Promise<void>): Promise<void> {
  const finished = join(folder, ".finished");
  if (existsSync(finished)) return;
  await locked(folder, async () => {
    if (existsSync(finished)) return;
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    try {
      await make();
    } catch (error) {
      rmSync(folder, { recursive: true, force: true });
      throw error;
    }
    writeFileSync(finished, "");
  });
}

/** A lock between processes: a folder that one of them can make. The holder keeps it fresh, so that a dead one's can be told. */
export async function locked(name: string, action: () => Promise<void>): Promise<void> {
  const lock = `${name}.lock`;
  mkdirSync(join(lock, ".."), { recursive: true });
  while (!acquire(lock)) await sleep(200);
  const touch = setInterval(() => utimesSync(lock, new Date(), new Date()), LOCK_TOUCH_MS);
  try {
    await action();
  } finally {
    clearInterval(touch);
    rmSync(lock, { recursive: true, force: true });
  }
}

function acquire(lock: string): boolean {
  try {
    mkdirSync(lock);
    return true;
  } catch {
    const age = Date.now() - (statSync(lock, { throwIfNoEntry: false })?.mtimeMs ?? Date.now());
    if (age > 3 * LOCK_TOUCH_MS) rmSync(lock, { recursive: true, force: true });
    return false;
  }
}

/** What a failed command said last, for a reason. */
export function lastLines(error: unknown): string {
  const { stderr, message } = error as { stderr?: string; message?: string };
  const lines = (stderr || message || String(error))
    .trim()
    .split("\n")
    .filter((line) => line.trim() !== "");
  return lines.slice(-2).join(" ").slice(0, 400);
}
