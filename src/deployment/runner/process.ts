import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync, renameSync, statSync } from "node:fs";
import { extname } from "node:path";
import { fileURLToPath } from "node:url";
import type { ProcessCommand, ProcessPorts } from "./command.ts";
import { identityOf, isAlive, type ProcessIdentity } from "./identity.ts";

/** This package's command line: a source in a checkout, JavaScript in the built package. */
const MAIN = fileURLToPath(new URL(`../../cli/main${extname(import.meta.url)}`, import.meta.url));
/** A log that has grown beyond this is set aside when its process starts again; the one set aside before it goes. */
const MOST_LOG_BYTES = 10 * 2 ** 20;
/** How often is looked whether processes that are no children of this one still live, ms. */
const LOOK_MS = 250;
/** From SIGKILL until a process must be gone. */
const KILL_PATIENCE_MS = 10_000;

/** What is written down of a process before and after its start, so that the next runner finds it. */
export interface ProcessRecord {
  id: string;
  component: string;
  revision: string;
  /** Several replicas for a host of workers, one for any other. */
  replicas: string[];
  nonce: string;
  ports: ProcessPorts;
  /** Null: it was about to start. */
  identity: ProcessIdentity | null;
  log: string;
  startedAt: string;
}

export interface ProcessEnd {
  /** Null where nobody could be told: it was started by another runner, or a signal ended it. */
  code: number | null;
  signal: NodeJS.Signals | null;
  /** It could not be started at all. */
  error: Error | null;
}

/** A process that the runner started, or found: a leader of its own process group, whose output goes into a file. */
export class ManagedProcess {
  readonly record: ProcessRecord;
  readonly ended: Promise<ProcessEnd>;
  #end: ProcessEnd | null = null;
  #timer: NodeJS.Timeout | null = null;
  #settle: (end: ProcessEnd) => void = () => {};

  private constructor(record: ProcessRecord) {
    this.record = record;
    this.ended = new Promise((resolve) => {
      this.#settle = resolve;
    });
  }

  /** Starts it. What keeps it from starting is told by `ended`. */
  static start(record: ProcessRecord, command: ProcessCommand, folder: string): ManagedProcess {
    const managed = new ManagedProcess(record);
    setAside(record.log);
    const log = openSync(record.log, "a", 0o600);
    let child: ChildProcess;
    try {
      child = spawn(process.execPath, [MAIN, ...command.args], {
        cwd: folder,
        env: command.env,
        detached: true,
        stdio: ["ignore", log, log],
      });
    } finally {
      closeSync(log);
    }
    child.once("error", (error) => managed.#gone({ code: null, signal: null, error }));
    child.once("exit", (code, signal) => managed.#gone({ code, signal, error: null }));
    child.unref();
    record.identity = child.pid === undefined ? null : identityOf(child.pid);
    return managed;
  }

  /** Takes over one of an earlier runner. */
  static adopt(record: ProcessRecord): ManagedProcess {
    const managed = new ManagedProcess(record);
    const look = () => {
      if (record.identity === null || !isAlive(record.identity))
        managed.#gone({ code: null, signal: null, error: null });
    };
    managed.#timer = setInterval(look, LOOK_MS);
    look();
    return managed;
  }

  get pid(): number | null {
    return this.record.identity?.pid ?? null;
  }

  get hasEnded(): boolean {
    return this.#end !== null;
  }

  /** To it alone, which hands on to its children what it wants to. */
  signal(signal: NodeJS.Signals): void {
    if (!this.hasEnded && this.record.identity !== null) signalProcess(this.record.identity, signal, false);
  }

  /** To all that it has started, too. */
  kill(): void {
    if (!this.hasEnded && this.record.identity !== null) signalProcess(this.record.identity, "SIGKILL", true);
  }

  /** SIGTERM; SIGKILL for its whole group where that has not ended it within `graceMs`. Resolves when it is gone. */
  async stop(graceMs: number): Promise<void> {
    this.signal("SIGTERM");
    const timer = setTimeout(() => this.kill(), graceMs);
    await this.ended;
    clearTimeout(timer);
  }

  /** Looks after it no longer; it lives on. */
  leave(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
  }

  #gone(end: ProcessEnd): void {
    if (this.#end !== null) return;
    this.#end = end;
    this.leave();
    // Whatever it had started ends with it.
    if (this.record.identity !== null) killGroup(this.record.identity.pid);
    this.#settle(end);
  }
}

/** Ends processes that no living runner looks after; resolves when they are gone. */
export async function endProcesses(identities: readonly ProcessIdentity[], graceMs: number): Promise<void> {
  await Promise.all(
    identities.map(async (identity) => {
      signalProcess(identity, "SIGTERM", false);
      if (!(await isGone(identity, graceMs))) {
        signalProcess(identity, "SIGKILL", true);
        await isGone(identity, KILL_PATIENCE_MS);
      } else killGroup(identity.pid);
    }),
  );
}

async function isGone(identity: ProcessIdentity, withinMs: number): Promise<boolean> {
  const deadline = performance.now() + withinMs;
  while (isAlive(identity)) {
    if (performance.now() >= deadline) return false;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return true;
}

function signalProcess(identity: ProcessIdentity, signal: NodeJS.Signals, group: boolean): void {
  if (!isAlive(identity)) return;
  try {
    process.kill(group ? -identity.pid : identity.pid, signal);
  } catch {
    // Gone in between.
  }
}

/** What is left of a group whose leader has just ended. */
function killGroup(leader: number): void {
  try {
    process.kill(-leader, "SIGKILL");
  } catch {
    // Nothing is left.
  }
}

function setAside(log: string): void {
  const size = statSync(log, { throwIfNoEntry: false })?.size ?? 0;
  if (size > MOST_LOG_BYTES) renameSync(log, `${log}.1`);
}
