import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

/** A minute of constant traffic that the planner follows; one expectation, which holds. */
export const SMALL_SCENARIO = `name: small
seed: 3
deployment:
  profile: h200-llama-3.1-8b-fp8-tp1-estimate
  mode: disagg
  prefill: { workers: 1, startup: 10s }
  decode: { workers: 1, startup: 10s }
  kvTransfer: { bandwidth: 64GB/s }
sla: { ttft: 200ms, itl: 10ms }
planner: { strategy: default, interval: 5s, maxGpus: 4 }
traffic:
  - constant: { requestRate: 8, duration: 60s, isl: 2000, osl: 50 }
expect:
  errors: 0
`;

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
    timeout: 120_000,
  });
  return { status, stdout, stderr };
}
