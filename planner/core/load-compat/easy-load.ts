import type { ForwardPass, Role } from "../types.ts";
import type { EngineLoad } from "./engine-load.ts";
import type { OptimizationTarget, PoolWish } from "./words.ts";

/** Limits that target `load` brings along: waiting prompt tokens per engine, KV usage as 0..1. */
export interface LoadThresholds {
  queueTokens: { up: number; down: number } | null;
  kvUsage: { up: number; down: number } | null;
}

export interface EasyLoadInput {
  target: Exclude<OptimizationTarget, "sla">;
  /** Who is judged: `agg` holds prompts and sequences in one cache. */
  kind: Role | "agg";
  engines: readonly EngineLoad[];
  workers: number;
  minWorkers: number;
  thresholds: LoadThresholds;
  /** Null: not known. */
  contextLength: number | null;
  kvTokensPerRank: number | null;
}

interface Rule {
  up: (value: number) => boolean;
  down: (value: number) => boolean;
}

/** Waiting prompt tokens ÷ context length, as targets `throughput` and `latency` judge prefill engines. */
const QUEUE_RULES: Record<"throughput" | "latency", Rule> = {
  throughput: { up: (queue) => queue >= 1, down: (queue) => queue < 0.1 },
  latency: { up: (queue) => queue >= 0.1, down: (queue) => queue <= 0 },
};

/** KV usage, as they judge decode and aggregated engines. */
const KV_RULES: Record<"throughput" | "latency", Rule> = {
  throughput: { up: (usage) => usage > 1, down: (usage) => usage < 0.6 },
  latency: { up: (usage) => usage > 0.4, down: (usage) => usage < 0.1 },
};

/**
 * One worker more where any engine is above its limit, one fewer where all are below theirs: Dynamo's "easy" targets, which
 * know nothing of an SLA. Thresholds are those of its planner of 2026.
 */
export function easyLoadWish(input: EasyLoadInput): PoolWish & { loads: number[] } {
  const measured = input.kind === "prefill" ? queues(input) : usages(input);
  if (measured === null) return { replicas: null, reason: "insufficient_data", loads: [] };
  const { loads, rule } = measured;
  const { workers, minWorkers } = input;
  if (loads.some(rule.up)) return { replicas: workers + 1, reason: "scale_up", loads };
  if (workers > 1 && loads.every(rule.down) && !isTooMuchForFewer(loads, workers, rule)) {
    return { replicas: Math.max(workers - 1, minWorkers), reason: "scale_down", loads };
  }
  return { replicas: null, reason: "no_change", loads };
}

/** What the fullest worker holds would be above the limit if one worker fewer shared it: nobody leaves. */
function isTooMuchForFewer(loads: readonly number[], workers: number, { up }: Rule): boolean {
  return up((Math.max(...loads) * workers) / (workers - 1));
}

function queues({ target, engines, thresholds, contextLength }: EasyLoadInput) {
  const tokens = ({ queued }: ForwardPass) => queued.prefillTokens;
  if (target === "load") {
    const limits = thresholds.queueTokens;
    return limits && { loads: engines.flat().map(tokens), rule: between(limits) };
  }
  if (contextLength === null || contextLength <= 0) return null;
  return { loads: engines.flat().map((pass) => tokens(pass) / contextLength), rule: QUEUE_RULES[target] };
}

function usages({ target, kind, engines, thresholds, kvTokensPerRank }: EasyLoadInput) {
  if (kvTokensPerRank === null || kvTokensPerRank <= 0) return null;
  const held = ({ scheduled, queued }: ForwardPass) =>
    scheduled.decodeKvTokens + queued.decodeKvTokens + (kind === "agg" ? queued.prefillTokens : 0);
  const loads = engines.flat().map((pass) => held(pass) / kvTokensPerRank);
  if (target !== "load") return { loads, rule: KV_RULES[target] };
  return thresholds.kvUsage && { loads, rule: between(thresholds.kvUsage) };
}

function between({ up, down }: { up: number; down: number }): Rule {
  return { up: (value) => value >= up, down: (value) => value <= down };
}
