import type { Decision, Role } from "./types.ts";

/**
 * Values of decisions that others than their strategy read: pages, metrics, conformance. Strategies write them by `shared` and `noteShared`,
 * all others read them by `sharedValue`: a name that only one side knows does not compile.
 */
export interface SharedValues {
  /** Fewest workers that the expected throughput leaves to load scaling. */
  prefillFloor: number;
  decodeFloor: number;
  /** Requests/s that one worker serves within the SLA, at the lengths that are expected. */
  prefillWorkerPerS: number;
  decodeWorkerPerS: number;
  /** Time that one prompt takes a prefill worker alone, ms. */
  prefillServiceMs: number;
  /** By the latency model: the queue and one more prompt; the batch and one more sequence; ms. */
  estimatedTtftMs: number;
  estimatedItlMs: number;
  /** ITL at the batch that decode was sized for, ms. */
  expectedItlMs: number;
}

type SharedName = keyof SharedValues;

/** Some of them, to be spread among a strategy's own. */
export function shared(values: Partial<SharedValues>): Record<string, number> {
  return { ...values };
}

export function noteShared(values: Record<string, number>, name: SharedName, value: number): void {
  values[name] = value;
}

export function sharedValue(decision: Pick<Decision, "values"> | null, name: SharedName): number | null {
  return decision?.values[name] ?? null;
}

/** Requests/s that one worker serves within the SLA; null: the strategy does not say. */
export function workerCapacityPerS(decision: Pick<Decision, "values"> | null, role: Role): number | null {
  const perS = sharedValue(decision, `${role}WorkerPerS`);
  if (perS !== null || role === "decode") return perS;
  // Of an engine that does one prompt after the other.
  const serviceMs = sharedValue(decision, "prefillServiceMs");
  return serviceMs === null ? null : 1000 / serviceMs;
}

/** What the strategy's model makes of the load, ms; null: it does not say. */
export function estimatedLatencyMs(decision: Pick<Decision, "values"> | null, kind: "ttft" | "itl"): number | null {
  if (kind === "ttft") return sharedValue(decision, "estimatedTtftMs");
  return sharedValue(decision, "estimatedItlMs") ?? sharedValue(decision, "expectedItlMs");
}
