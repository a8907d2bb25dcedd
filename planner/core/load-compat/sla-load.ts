import type { Role } from "../types.ts";
import type { QueriedEngine } from "./engine-capacity.ts";
import type { EngineLoad } from "./engine-load.ts";
import { nextItlMs, nextTtftMs, type SeenRequests } from "./synthetic-load.ts";
import type { PoolWish } from "./words.ts";

export interface SlaLoadInput {
  kind: Role | "agg";
  engine: QueriedEngine;
  /** Whether the cache's size is known; where it is not, nothing is checked against it. */
  knowsKvTokens: boolean;
  engines: readonly EngineLoad[];
  workers: number;
  minWorkers: number;
  seen: SeenRequests;
  sla: { ttftMs: number; itlMs: number };
  /** 0..1: how much of the SLA fewer workers may use up. */
  sensitivity: number;
  kvHitRate: number | null;
  acceptLength: number;
}

export type SlaLoadWish = PoolWish & {
  /** The worst over the pool; null: not known, or not of this kind. */
  estimatedTtftMs: number | null;
  estimatedItlMs: number | null;
};

/**
 * Load scaling towards an SLA: one worker more where every engine would miss it, one fewer where every engine would keep it with
 * the load of all spread over one fewer. As Dynamo's planner of 2026 does it.
 */
export function slaLoadWish(input: SlaLoadInput): SlaLoadWish {
  if (input.kind === "prefill") {
    const ttft = ttftPart(input);
    return { ...wishOf(input, ttft), estimatedTtftMs: ttft.worstMs, estimatedItlMs: null };
  }
  if (input.kind === "decode") {
    const itl = itlPart(input);
    return { ...wishOf(input, itl), estimatedTtftMs: null, estimatedItlMs: itl.worstMs };
  }
  const ttft = ttftPart(input);
  const itl = itlPart(input);
  return { ...combined(input, ttft, itl), estimatedTtftMs: ttft.worstMs, estimatedItlMs: itl.worstMs };
}

/** One latency's view of a pool. */
interface Part {
  /** The largest estimate over the engines, ms; null: the model does not know. */
  worstMs: number | null;
  wants: "up" | "down" | "stay" | "unknown";
}

function ttftPart(input: SlaLoadInput): Part {
  const { kind, engine, engines, seen, sla, sensitivity, kvHitRate, workers } = input;
  const isAggregated = kind === "agg";
  const estimates = engines.map((load) =>
    nextTtftMs(engine, load, seen, kvHitRate, isAggregated ? { withDecode: "scheduled" } : {}),
  );
  return judged(estimates, sla.ttftMs, workers, (grown) =>
    engines.every((load) => {
      const withDecode = isAggregated ? ({ withDecode: "all" } as const) : {};
      const decode = isAggregated ? grown : 1;
      const own = nextTtftMs(engine, load, seen, kvHitRate, { scales: { queue: 0, decode }, ...withDecode });
      const grownMs = nextTtftMs(engine, load, seen, kvHitRate, { scales: { queue: grown, decode }, ...withDecode });
      if (own === null || grownMs === null) return false;
      const allowanceMs = (sla.ttftMs - own) * sensitivity;
      return allowanceMs > 0 && grownMs - own < allowanceMs;
    }),
  );
}

function itlPart(input: SlaLoadInput): Part {
  const { kind, engine, engines, seen, sla, sensitivity, acceptLength, workers, knowsKvTokens } = input;
  const aggregated = kind === "agg";
  const estimates = engines.map((load) => nextItlMs(engine, load, seen, acceptLength, { aggregated }));
  return judged(estimates, sla.itlMs, workers, (grown) =>
    engines.every((load) => {
      const held = load.reduce(
        (sum, { scheduled, queued }) =>
          sum + scheduled.decodeKvTokens + queued.decodeKvTokens + (aggregated ? queued.prefillTokens : 0),
        0,
      );
      if (knowsKvTokens && !(Math.trunc(held * grown) < engine.limits.maxKvTokens)) return false;
      const options = { scale: grown, aggregated, withQueuedPrompts: aggregated };
      const itlMs = nextItlMs(engine, load, seen, acceptLength, options);
      return itlMs !== null && itlMs < sla.itlMs * sensitivity;
    }),
  );
}

/** @param fitsFewer whether all engines keep the SLA with their load times the factor */
function judged(
  estimates: readonly (number | null)[],
  slaMs: number,
  workers: number,
  fitsFewer: (factor: number) => boolean,
): Part {
  const known = estimates.filter((ms) => ms !== null);
  if (known.length === 0 || known.length < estimates.length) return { worstMs: null, wants: "unknown" };
  const worstMs = Math.max(...known);
  if (known.every((ms) => ms > slaMs)) return { worstMs, wants: "up" };
  if (workers > 1 && fitsFewer(workers / (workers - 1))) return { worstMs, wants: "down" };
  return { worstMs, wants: "stay" };
}

function wishOf(input: Pick<SlaLoadInput, "workers" | "minWorkers">, { wants }: Pick<Part, "wants">): PoolWish {
  const { workers, minWorkers } = input;
  switch (wants) {
    case "unknown":
      return { replicas: null, reason: "insufficient_data" };
    case "up":
      return { replicas: workers + 1, reason: "scale_up" };
    case "down":
      return { replicas: Math.max(workers - 1, minWorkers), reason: "scale_down" };
    default:
      if (workers > 1) return { replicas: workers, reason: "scale_down_refused_consolidation" };
      return { replicas: null, reason: "no_change" };
  }
}

/** Either latency may ask for more; fewer need the consent of both (of ITL alone, while nothing is known of TTFT). */
function combined(input: SlaLoadInput, ttft: Part, itl: Part): PoolWish {
  if (ttft.wants === "up" || itl.wants === "up") return wishOf(input, { wants: "up" });
  if (ttft.wants === "unknown") return wishOf(input, itl);
  if (itl.wants === "unknown") return wishOf(input, { wants: "unknown" });
  return wishOf(input, { wants: ttft.wants === "down" && itl.wants === "down" ? "down" : "stay" });
}
