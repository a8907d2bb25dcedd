import { formatDuration } from "#common";

/** A pool as a scenario names it: `agg` in aggregated mode, else `prefill` or `decode`. */
export type PoolName = "prefill" | "decode" | "agg";

/** Which worker: its pool and its number, counted from 0 as the workers of the pool were made. */
export interface WorkerName {
  pool: PoolName;
  index: number;
}

/** Something that goes wrong at `atMs`, for `forMs` (null: for the rest of the run). */
export type Fault = { atMs: number } & (
  | /** The worker dies with all it holds, and another one is started in its place. */
  { kind: "kill"; worker: WorkerName }
  /** All workers of a node die at once. */
  | { kind: "loseNode"; workers: WorkerName[] }
  /** The same, by place: workers are on nodes of so many GPUs, in the order in which they were made. */
  | { kind: "loseNode"; workers: null; gpusPerNode: number; node: number }
  /** The worker begins no pass. */
  | { kind: "freeze"; worker: WorkerName; forMs: number }
  /** Its passes take `factor` times as long. */
  | { kind: "slow"; worker: WorkerName; factor: number; forMs: number }
  /** So many starts of the pool's workers that begin from now on fail at their end, and begin again after a back-off. */
  | { kind: "failStartup"; pool: PoolName; starts: number }
  /** Starts that begin from now on take `byMs` longer. */
  | { kind: "delayStartup"; pool: PoolName; byMs: number; forMs: number | null }
  /** The next transfers are lost, or each with a probability. */
  | { kind: "loseTransfers"; next: number | null; probability: number | null; forMs: number | null }
  /** Requests to workers of the pool, their answers and (for `decode` or `all`) KV transfers take `byMs` longer, and up to `jitterMs` more. */
  | { kind: "delayNetwork"; pool: PoolName | "all"; byMs: number; jitterMs: number; forMs: number | null }
  /** The planner sees no metrics. */
  | { kind: "loseMetrics"; forMs: number }
  /** It sees those of `byMs` ago. */
  | { kind: "lagMetrics"; byMs: number; forMs: number }
  /** It sees the last ones from before over and over. */
  | { kind: "staleMetrics"; forMs: number }
  /** It sees NaN in every number. */
  | { kind: "nanMetrics"; forMs: number }
  /** The planner is down and forgets what it held in memory. */
  | { kind: "restartPlanner"; forMs: number }
  /** Nothing is scaled, and nothing that died is replaced. */
  | { kind: "loseApiServer"; forMs: number }
);

export type FaultKind = Fault["kind"];

/** The role that plays a pool: an aggregated worker is `decode`. */
export function roleOf(pool: PoolName): "prefill" | "decode" {
  return pool === "prefill" ? "prefill" : "decode";
}

function workerName({ pool, index }: WorkerName): string {
  return `${pool}/${index}`;
}

/** When it is over, ms: at once, at a time, or never (null) before the run ends. */
export function faultEndMs(fault: Fault): number | null {
  if (!("forMs" in fault)) return fault.kind === "failStartup" ? null : fault.atMs;
  return fault.forMs === null ? null : fault.atMs + fault.forMs;
}

/** Whether it goes on at `nowMs`: from its begin on, until just before its end. */
export function faultGoesOn(fault: Fault, nowMs: number): boolean {
  return nowMs >= fault.atMs && nowMs < (faultEndMs(fault) ?? Number.POSITIVE_INFINITY);
}

/** A fault in a few words: `decode/0 is killed`, `decode/0 is 4 times as slow`. */
export function faultText(fault: Fault): string {
  switch (fault.kind) {
    case "kill":
      return `${workerName(fault.worker)} is killed`;
    case "loseNode":
      return fault.workers === null
        ? `node ${fault.node} of ${fault.gpusPerNode} GPUs is lost`
        : `a node with ${fault.workers.map(workerName).join(", ")} is lost`;
    case "freeze":
      return `${workerName(fault.worker)} is frozen`;
    case "slow":
      return `${workerName(fault.worker)} is ${fault.factor} times as slow`;
    case "failStartup":
      return `${fault.starts === 1 ? "a start" : `${fault.starts} starts`} of ${fault.pool} fail${fault.starts === 1 ? "s" : ""}`;
    case "delayStartup":
      return `starts of ${fault.pool} take ${formatDuration(fault.byMs)} longer`;
    case "loseTransfers":
      return fault.next === null
        ? `KV transfers are lost with a probability of ${fault.probability}`
        : `${fault.next === 1 ? "a KV transfer is" : `${fault.next} KV transfers are`} lost`;
    case "delayNetwork": {
      const more = fault.jitterMs > 0 ? ` and up to ${formatDuration(fault.jitterMs)} more` : "";
      return `the network of ${fault.pool === "all" ? "all workers" : fault.pool} is ${formatDuration(fault.byMs)}${more} slower`;
    }
    case "loseMetrics":
      return "no metrics";
    case "lagMetrics":
      return `metrics are ${formatDuration(fault.byMs)} late`;
    case "staleMetrics":
      return "metrics stand still";
    case "nanMetrics":
      return "metrics are NaN";
    case "restartPlanner":
      return "the planner restarts";
    case "loseApiServer":
      return "no API server";
  }
}
