import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Image } from "../../scripts/image-root.ts";
import { findOnPath, lastLines, ToolMissing } from "../../scripts/tool-cache.ts";

const DEVICES = ["null", "zero", "random", "urandom"];
const isRoot = process.getuid?.() === 0;

/**
 * A container's view of a root file system: it can't be written, /tmp is memory, and processes are the image's user. In namespaces of
 * the kernel's own; the network is this machine's.
 */
const ENTER = `
set -eu
root=$1; work=$2; uid=$3; gid=$4; shift 4
mount --bind "$root" "$root"
mount -t tmpfs -o size=128m,mode=1777 tmpfs "$root/tmp"
mount -t proc proc "$root/proc"
for device in ${DEVICES.join(" ")}; do mount --bind "/dev/$device" "$root/dev/$device"; done
mount -o remount,bind,ro "$root"
exec unshare ${isRoot ? '--setgid "$gid" --setuid "$uid"' : '--user --map-user="$uid" --map-group="$gid"'} \\
  --root="$root" --wd="$work" -- "$@"
`;

/** @throws ToolMissing where this machine has no such namespaces, or lets nobody make them */
export async function ensureSandbox(): Promise<string> {
  if (process.platform !== "linux") throw new ToolMissing(`containers need Linux, this is ${process.platform}`);
  const unshare = findOnPath(["unshare"]);
  if (unshare === undefined) throw new ToolMissing("there is no unshare (util-linux) on PATH");
  try {
    await promisify(execFile)(unshare, [...namespaces(), "sh", "-c", "mount -t tmpfs tmpfs /mnt"]);
  } catch (error) {
    throw new ToolMissing(`this machine lets nobody make namespaces: ${lastLines(error)}`);
  }
  return unshare;
}

function namespaces(): string[] {
  return [...(isRoot ? [] : ["--user", "--map-root-user"]), "--mount", "--pid", "--fork", "--kill-child"];
}

/** A process in a container of the image. */
export class Contained {
  readonly #process: ChildProcess;
  readonly exited: Promise<number | null>;
  #stdout = "";
  #stderr = "";

  /** @param args after the entry point, or the whole command line */
  constructor(unshare: string, image: Image, args: readonly string[], { whole = false }: { whole?: boolean } = {}) {
    for (const device of DEVICES) {
      const path = join(image.root, "dev", device);
      mkdirSync(join(image.root, "dev"), { recursive: true });
      if (!existsSync(path)) writeFileSync(path, "");
    }
    const [uid = "", gid = ""] = image.user.split(":");
    const command = whole ? args : [...image.entrypoint, ...args];
    const enter = ["sh", "-c", ENTER, "sh", image.root, image.workdir, uid, gid, ...command];
    this.#process = spawn(unshare, [...namespaces(), ...enter], {
      stdio: ["ignore", "pipe", "pipe"],
      env: { PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", ...image.env, NO_COLOR: "1" },
    });
    this.#process.stdout!.on("data", (data: Buffer) => {
      this.#stdout += data;
    });
    this.#process.stderr!.on("data", (data: Buffer) => {
      this.#stderr += data;
    });
    this.exited = once(this.#process, "close").then(([code]) => code as number | null);
  }

  get stdout(): string {
    return this.#stdout;
  }

  get output(): string {
    return this.#stdout + this.#stderr;
  }

  get running(): boolean {
    return this.#process.exitCode === null && this.#process.signalCode === null;
  }

  /** SIGTERM to the container's first process, as a cluster sends it. @returns its exit code */
  async stop(): Promise<number | null> {
    const { pid } = this.#process;
    const [first] = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ");
    process.kill(Number(first), "SIGTERM");
    return this.exited;
  }

  /** At once, whatever state it is in. */
  async end(): Promise<void> {
    if (this.running) this.#process.kill("SIGKILL");
    await this.exited;
  }
}
