import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";

/** A process, told apart from a later one of the same number. */
export interface ProcessIdentity {
  pid: number;
  /** When it started, in the system's own words: boot and clock ticks since (Linux), else the date that `ps` shows. */
  startTime: string;
}

const isLinux = process.platform === "linux";

/** Null where there is no such process, or only what is left of one that nobody has waited for. */
export function identityOf(pid: number): ProcessIdentity | null {
  const startTime = isLinux ? linuxStartTime(pid) : psStartTime(pid);
  return startTime === null ? null : { pid, startTime };
}

export function isAlive(identity: ProcessIdentity): boolean {
  return identityOf(identity.pid)?.startTime === identity.startTime;
}

/** Processes of this user whose environment holds `name=value`. */
export function processesWith(name: string, value: string): ProcessIdentity[] {
  const pids = isLinux ? linuxPidsWith(`${name}=${value}`) : psPidsWith(`${name}=${value}`);
  return pids.flatMap((pid) => identityOf(pid) ?? []);
}

/**
 * Fields 3 (state), 20 (threads) and 22 (start) of proc(5)'s `stat`; the name before them may hold anything. A first thread that is
 * over is shown as a zombie while others still end, and hold what the process had open.
 */
function linuxStartTime(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const isOver = fields[0] === "X" || (fields[0] === "Z" && Number(fields[17]) <= 1);
    return isOver ? null : `${bootId()}:${fields[19]}`;
  } catch {
    return null;
  }
}

let knownBootId: string | undefined;

function bootId(): string {
  knownBootId ??= readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim().slice(0, 8);
  return knownBootId;
}

function linuxPidsWith(setting: string): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return `\0${readFileSync(`/proc/${pid}/environ`, "utf8")}`.includes(`\0${setting}\0`);
      } catch {
        return false; // Another user's, or gone.
      }
    })
    .map(Number);
}

function psStartTime(pid: number): string | null {
  try {
    const [state = "", ...date] = ps(["-o", "stat=,lstart=", "-p", String(pid)])
      .trim()
      .split(/\s+/);
    return state === "" || state.startsWith("Z") ? null : date.join(" ");
  } catch {
    return null;
  }
}

function psPidsWith(setting: string): number[] {
  return ps(["-axEww", "-o", "pid=,command="])
    .split("\n")
    .filter((line) => `${line} `.includes(` ${setting} `))
    .map((line) => Number.parseInt(line, 10));
}

function ps(args: readonly string[]): string {
  return execFileSync("ps", args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"], maxBuffer: 64 * 2 ** 20 });
}
