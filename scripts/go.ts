/** Go, with which tools are built or fetched that its module proxy has. */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { constants, setPriority } from "node:os";
import { dirname } from "node:path";
import { findOnPath } from "./tool-cache.ts";

export interface GoModule {
  /** Path of its go.mod. */
  GoMod: string;
  /** Folder of its files. */
  Dir: string;
}

/** Path of the program; undefined where there is none. */
export function findGo(): string | undefined {
  return findOnPath(["go", "go.exe"]) ?? ["/usr/local/go/bin/go"].find((path) => existsSync(path));
}

/** Runs `go` with low priority. @returns what it printed. @throws Error with its `stderr` */
export function runGo(go: string, args: readonly string[], folder: string, timeout: number): Promise<string> {
  const env = {
    ...process.env,
    CGO_ENABLED: "0",
    GOFLAGS: "",
    GOWORK: "off",
    PATH: `${dirname(go)}:${process.env.PATH}`,
  };
  return new Promise((resolve, reject) => {
    const options = { cwd: folder, env, timeout, maxBuffer: 1 << 28 };
    const child = execFile(go, [...args], options, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(Object.assign(error, { stderr }));
    });
    if (child.pid !== undefined) setPriority(child.pid, constants.priority.PRIORITY_LOW);
  });
}

/** A module's files, through the proxy. @throws Error with `stderr` where it can't be had */
export async function downloadModule(go: string, module: string, folder: string, timeout: number): Promise<GoModule> {
  return JSON.parse(await runGo(go, ["mod", "download", "-json", module], folder, timeout)) as GoModule;
}
