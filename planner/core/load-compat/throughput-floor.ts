import type { Role } from "../types.ts";
import {
  aggregatedCapacity,
  type CapacityRequest,
  decodeCapacity,
  type EngineCapacity,
  prefillCapacity,
  type QueriedEngine,
} from "./engine-capacity.ts";

/** Traffic that is expected. */
export interface ExpectedTraffic {
  requestsPerS: number;
  /** Mean tokens. */
  isl: number;
  osl: number;
  kvHitRate: number | null;
}

/** How many engines of one kind serve the traffic within the SLA. */
export interface ThroughputNeed {
  capacity: EngineCapacity;
  replicas: number;
}

/**
 * Replicas by throughput: demand ÷ what one engine serves within the SLA (or at its best, where it can't keep it). Null where the
 * model does not know, or an engine serves nothing.
 */
export function throughputNeed(
  kind: Role | "agg",
  engine: QueriedEngine,
  traffic: ExpectedTraffic,
  options: { sla: { ttftMs: number; itlMs: number }; acceptLength: number; minWorkers: number },
): ThroughputNeed | null {
  const { sla, acceptLength, minWorkers } = options;
  const request: CapacityRequest = {
    isl: Math.ceil(traffic.isl),
    osl: Math.max(1, Math.ceil(traffic.osl)),
    kvHitRate: traffic.kvHitRate,
    acceptLength,
    sla: {
      ttftMs: kind === "decode" ? null : sla.ttftMs,
      itlMs: kind === "prefill" ? null : sla.itlMs,
      e2eMs: null,
    },
    prefer: "throughput",
  };
  const ask = { prefill: prefillCapacity, decode: decodeCapacity, agg: aggregatedCapacity }[kind];
  const capacity = ask(engine, request);
  if (capacity === null || !(capacity.requestsPerS > 0)) return null;
  return { capacity, replicas: Math.max(Math.ceil(traffic.requestsPerS / capacity.requestsPerS), minWorkers) };
}
