import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const main = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));

/** The command line as a user has it, in `cwd`, with a cache of its own there. */
export function runUnderstudy(cwd: string, ...args: string[]) {
  const { NO_COLOR: _no, FORCE_COLOR: _force, CI: _ci, ...inherited } = process.env;
  const env = { ...inherited, NO_COLOR: "1", XDG_CACHE_HOME: `${cwd}/.cache` };
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...args], {
    cwd,
    encoding: "utf8",
    env,
    maxBuffer: 2 ** 26,
    timeout: 60_000,
  });
  return { status, stdout, stderr };
}
