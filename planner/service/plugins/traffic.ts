import type { Observation } from "#planner/core";
import type { PluginTraffic } from "./types.ts";

/** Means over requests that ended, which a longer window weighs by their number. */
const BY_COMPLETED = ["meanIsl", "meanOsl", "meanTtftMs", "meanItlMs", "meanRequestDurationMs"] as const;
/** Means that are weighed by the length of their windows. */
const BY_TIME = ["kvHitRate", "acceptLength"] as const;

/** The traffic of an observation. */
export function trafficOf(observation: Observation): PluginTraffic {
  return {
    windowMs: observation.windowMs,
    startedRequests: observation.startedRequests,
    completedRequests: observation.completedRequests,
    meanIsl: observation.meanIsl,
    meanOsl: observation.meanOsl,
    meanTtftMs: observation.meanTtftMs,
    meanItlMs: observation.meanItlMs,
    meanRequestDurationMs: observation.meanRequestDurationMs,
    kvHitRate: observation.kvHitRate ?? null,
    acceptLength: observation.acceptLength ?? null,
  };
}

/** Traffic of past ticks, as far back as some plugin looks. */
export class TrafficHistory {
  readonly #keepMs: number;
  #ticks: { atMs: number; traffic: PluginTraffic }[] = [];

  constructor(keepMs: number) {
    this.#keepMs = keepMs;
  }

  add(observation: Observation): void {
    this.#ticks.push({ atMs: observation.nowMs, traffic: trafficOf(observation) });
    const oldest = observation.nowMs - this.#keepMs;
    // The last tick remains, whatever a plugin asks for.
    while (this.#ticks.length > 1 && this.#ticks[0]!.atMs <= oldest) this.#ticks.shift();
  }

  /** What happened in the ticks of the last `windowMs`; of the last tick alone for 0. */
  over(windowMs: number): PluginTraffic {
    const last = this.#ticks.at(-1)!;
    const within = this.#ticks.filter(({ atMs }) => atMs > last.atMs - windowMs);
    return within.length <= 1 ? last.traffic : sumOf(within.map(({ traffic }) => traffic));
  }
}

/** A count that one tick does not know is not known of the whole. */
function sumOf(parts: readonly PluginTraffic[]): PluginTraffic {
  const count = (key: "startedRequests" | "completedRequests") =>
    parts.some((part) => part[key] === null) ? null : parts.reduce((sum, part) => sum + part[key]!, 0);
  const sum: PluginTraffic = {
    ...parts[0]!,
    windowMs: parts.reduce((total, { windowMs }) => total + windowMs, 0),
    startedRequests: count("startedRequests"),
    completedRequests: count("completedRequests"),
  };
  for (const key of BY_COMPLETED) sum[key] = weightedMean(parts, key, (part) => part.completedRequests ?? 0);
  for (const key of BY_TIME) sum[key] = weightedMean(parts, key, ({ windowMs }) => windowMs);
  return sum;
}

function weightedMean(
  parts: readonly PluginTraffic[],
  key: (typeof BY_COMPLETED | typeof BY_TIME)[number],
  weightOf: (part: PluginTraffic) => number,
): number | null {
  let weight = 0;
  let sum = 0;
  for (const part of parts) {
    const value = part[key];
    if (value === null) continue;
    weight += weightOf(part);
    sum += value * weightOf(part);
  }
  return weight === 0 ? null : sum / weight;
}
