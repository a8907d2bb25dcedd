import { dirname, resolve } from "node:path";
import type { TrafficEntry } from "../traffic.ts";
import type { Deployment, PoolSettings, WrittenDeployment } from "./deployment.ts";
import type { TimingChoice } from "./engine.ts";
import { resolveRouter } from "./router.ts";

/**
 * Paths in a scenario are relative to the folder of its file; here they become absolute, and the router's policies are read.
 * @throws UserError as `readRouterPolicies`
 */
export function resolveDeployment(deployment: WrittenDeployment, scenarioFile: string): Deployment {
  const pool = (settings: PoolSettings): PoolSettings => {
    const { timing } = settings.engine;
    if (timing?.kind === "table") return timed(settings, { ...timing, file: absolute(timing.file, scenarioFile) });
    if (timing?.kind === "estimator" && looksLikeFolder(timing.model)) {
      return timed(settings, { ...timing, model: absolute(timing.model, scenarioFile) });
    }
    return settings;
  };
  const { profile, prefill, decode } = deployment;
  return {
    ...deployment,
    profile: profile === null || !looksLikePath(profile) ? profile : absolute(profile, scenarioFile),
    prefill: prefill === null ? null : pool(prefill),
    decode: pool(decode),
    router: resolveRouter(deployment.router, (path) => absolute(path, scenarioFile)),
  };
}

export function resolveTraffic(entry: TrafficEntry, scenarioFile: string): TrafficEntry {
  if (entry.kind === "trace") return { ...entry, file: absolute(entry.file, scenarioFile) };
  if (entry.kind !== "sequence") return entry;
  return { ...entry, entries: entry.entries.map((child) => resolveTraffic(child, scenarioFile)) };
}

function timed(settings: PoolSettings, timing: TimingChoice): PoolSettings {
  return { ...settings, engine: { ...settings.engine, timing } };
}

/** Anything else is a Hugging Face id. */
function looksLikeFolder(model: string): boolean {
  return /^[.\\/]|^[A-Za-z]:[\\/]/.test(model);
}

/** Anything else is the name of a shipped profile. */
function looksLikePath(profile: string): boolean {
  return /[\\/]|^\.|\.(npz|json)$/.test(profile);
}

function absolute(path: string, scenarioFile: string): string {
  return resolve(dirname(scenarioFile), path);
}
