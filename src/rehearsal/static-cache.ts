import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { writeFileAtomically } from "#common";
import { sessionNumbers } from "#scenarios";
import type { BestStatic } from "#src/record";
import { type Rehearsal, staticSearchGpus } from "./rehearse.ts";

/** Raised when the simulator gives other results for the same input, so that old entries no longer count. */
const RESULTS_VERSION = 1;

/** Everything that the outcome of the search depends on, as a digest. */
export function staticCacheKey({ scenario, workload, profile }: Rehearsal): string {
  const { deployment, sla, endMs, faults, clients } = scenario;
  const settings = {
    ...deployment,
    profile: profile ?? null,
    prefill: poolKey(deployment.prefill),
    decode: poolKey(deployment.decode),
  };
  const hash = createHash("sha256");
  hash.update(
    JSON.stringify([RESULTS_VERSION, settings, sla, endMs, staticSearchGpus(scenario), workload.closedLoops]),
  );
  // The seed only where more than the traffic is drawn from it.
  const goesWrong = faults.length > 0 || clients !== null;
  const draws = goesWrong || deployment.router.mode === "random" || deployment.router.mode === "kv";
  hash.update(JSON.stringify([workload.horizonMs, goesWrong ? [faults, clients] : null, draws ? scenario.seed : null]));
  for (const column of [workload.isl, workload.osl, workload.arrivalMs, workload.nextTurn, workload.thinkMs]) {
    if (column !== null) hash.update(new Uint8Array(column.buffer, column.byteOffset, column.byteLength));
  }
  for (const column of Object.values(workload.dependencies ?? {}) as (Int32Array | Float64Array | Uint8Array)[]) {
    hash.update(new Uint8Array(column.buffer, column.byteOffset, column.byteLength));
  }
  const hasAffinity = (deployment.router.sessionAffinityMs ?? null) !== null;
  if (hasAffinity) hash.update(sessionNumbers(workload));
  // Who waits in a router is routed by what was cached when it came: results of before know nothing of that.
  if ((deployment.router.queueThreshold ?? deployment.router.policies) !== undefined) hash.update("as it came");
  if (workload.hints !== undefined) {
    const { priority, strictPriority, classNames, classOf } = workload.hints;
    hash.update(priority).update(strictPriority).update(JSON.stringify(classNames)).update(classOf);
  }
  if (workload.prompts !== null) {
    const { blockTokens, offset, ids } = workload.prompts;
    hash.update(`${blockTokens}`).update(offset).update(ids);
  }
  return hash.digest("hex").slice(0, 32);
}

/** Worker counts and start-up times don't matter to deployments that never change. */
function poolKey<T extends { workers: number; startupMs: number | null }>(
  pool: T | null,
): Omit<T, "workers" | "startupMs"> | null {
  if (pool === null) return null;
  const { workers: _workers, startupMs: _startup, ...rest } = pool;
  return rest;
}

/** Results that ship with the library, by key. */
const SHIPPED = new URL("../../scenarios/library/best-static.json", import.meta.url);

function userCacheFile(key: string): string {
  const cache = process.env.XDG_CACHE_HOME || join(homedir(), ".cache");
  return join(cache, "understudy", "best-static", `${key}.json`);
}

/** A search done before for exactly this traffic and deployment, or null. An unreadable cache counts as none. */
export function cachedBestStatic(key: string): BestStatic | null {
  try {
    const shipped = existsSync(SHIPPED)
      ? (JSON.parse(readFileSync(SHIPPED, "utf8")) as Record<string, BestStatic>)
      : {};
    if (Object.hasOwn(shipped, key)) return shipped[key]!;
    const file = userCacheFile(key);
    return existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as BestStatic) : null;
  } catch {
    return null;
  }
}

export function cacheBestStatic(key: string, found: BestStatic): void {
  writeFileAtomically(userCacheFile(key), `${JSON.stringify(found)}\n`);
}
