import type { Decision } from "#planner/core";

/** What became of a request; the values of `RequestTable.status`. */
export const RequestStatus = { completed: 0, rejected: 1, failed: 2, unfinished: 3 } as const;

/** Per-request outcomes in columns; times in ms from the start of the run, NaN where they did not happen. */
export interface RequestTable {
  count: number;
  isl: Int32Array;
  requestedOsl: Int32Array;
  outputTokens: Int32Array;
  arrivalMs: Float64Array;
  /** First admission into a running batch. */
  admitMs: Float64Array;
  firstTokenMs: Float64Array;
  secondTokenMs: Float64Array;
  lastTokenMs: Float64Array;
  /** First token that is not reasoning; NaN where none followed it. null: of runs whose model does not reason. */
  firstOutputTokenMs: Float64Array | null;
  /** Output tokens that were reasoning; null as above. */
  reasoningTokens: Int32Array | null;
  /** Prompt tokens found in the prefix cache (largest over all admissions). */
  cachedTokens: Int32Array;
  /** Times the request was preempted and recomputed. */
  preemptions: Int32Array;
  /** Times the request was given to workers: 1, and one more for each retry, by the frontend or by its client. */
  attempts: Int32Array;
  /** Worker ids; −1 where there is none. An aggregated worker is a decode worker. */
  prefillWorker: Int32Array;
  decodeWorker: Int32Array;
  status: Uint8Array;
}

export type RoleName = "prefill" | "decode";

/** One worker's life. GPU time counts from `createdMs` to `removedMs` (or the end of the run). */
export interface WorkerLife {
  role: RoleName;
  id: number;
  createdMs: number;
  readyMs: number;
  drainingMs: number | null;
  removedMs: number | null;
}

/** A change of a role's wanted worker count. */
export interface ScalingEvent {
  atMs: number;
  role: RoleName;
  from: number;
  to: number;
  reason: string;
}

/** Something that went wrong on purpose, and what it came to. */
export interface FaultRecord {
  atMs: number;
  /** When it was over, ms; null: it lasted to the end of the run. */
  untilMs: number | null;
  /** As scenarios name it: `kill`, `loseMetrics`, … */
  kind: string;
  /** In a few words: `decode/0 is killed`. */
  text: string;
  /** Workers that it struck. */
  workers: number;
  /** Requests that it touched: they were on those workers, or their message or transfer was. */
  requests: number;
  /** Of those, the ones that the frontend gave to workers once more. */
  retried: number;
  /** Of those, the ones that broke off; a client may have tried again. */
  failed: number;
  /** Ticks on which it kept the planner from seeing or doing something. */
  ticks: number;
}

/** One sampling window of the run (fixed width), for charts. Arrays of `RunRecord.timeline` are index-aligned. */
export interface Timeline {
  windowMs: number;
  /** Window starts, ms. */
  startMs: number[];
  requestRate: number[];
  /** Replicas at the window's end: [active, starting, draining] per role. */
  prefillActive: number[];
  prefillStarting: number[];
  prefillDraining: number[];
  decodeActive: number[];
  decodeStarting: number[];
  decodeDraining: number[];
  /** Mean over decode workers of KV tokens in use ÷ capacity, 0..1. */
  kvUsage: number[];
  prefillQueueTokens: number[];
  runningRequests: number[];
}

/** Inter-token gaps of all requests: exact moments, and a weighted log-bucket histogram for quantiles. */
export interface GapStatistics {
  count: number;
  meanMs: number;
  minMs: number;
  maxMs: number;
  standardDeviationMs: number;
  /** Value at quantile q (0..1), relative accuracy 0.1 %. */
  quantileMs(q: number): number;
}

/** What a KV-aware router thought of each request, where it chose who computes the prompt; −1 where it was never asked. */
export interface RoutingRecord {
  /** Leading prompt blocks cached on the chosen worker, and on the candidate that had most. */
  overlapBlocks: Int32Array;
  bestOverlapBlocks: Int32Array;
  /** Time in the router's queues, ms; below 0 where a request never left them. */
  waitMs: Float64Array;
  /** Tokens per block. */
  blockSize: number;
}

export interface EngineCounters {
  passes: number;
  /** Of those, passes in which the batch could not change. */
  steadyPasses: number;
  /** Of the steady ones, advanced without walking the batch. */
  skippedPasses: number;
  scheduledPrefillTokens: number;
  preemptions: number;
  prefixHitTokens: number;
  /** Of those, loaded from host memory. */
  hostHitTokens: number;
  evictedBlocks: number;
  /** Speculative decoding: steps of a sequence with drafts, tokens drafted, and those of them that were accepted. */
  drafts: number;
  draftTokens: number;
  acceptedDraftTokens: number;
  /** Times a surface was asked beyond its measured range. */
  extrapolations: number;
}

/** What became of one `expect:` line of a scenario. */
export interface ExpectationResult {
  /** The measure's name as the scenario writes it: `slaAttainment`, `gpuHours`, … */
  name: string;
  /** The condition: `>= 0.98`. */
  expected: string;
  /** The value found, for people. */
  actual: string;
  passed: boolean;
  /** `file:line:column` of the line. */
  where?: string;
  /** What to know when it failed. */
  message?: string;
}

/** One static deployment replayed on the same traffic. In aggregated mode `prefill` is 0. */
export interface StaticDeployment {
  prefill: number;
  decode: number;
  attainment: number;
  /** Good requests per second and GPU. */
  goodputPerGpu: number;
  gpuHours: number;
}

/** The best static deployments in hindsight, found by replaying this very traffic. */
export interface BestStatic {
  /** The attainment asked of `atFloor`, 0..1. */
  floor: number;
  maxGpus: number;
  /** Deployments replayed (dominated ones may have been left out). */
  tried: number;
  /** Best goodput per GPU among those that attain the floor; null where none does. */
  atFloor: StaticDeployment | null;
  /** Best goodput per GPU without a condition. */
  any: StaticDeployment | null;
}

/** Whose requests are in a table's rows. */
export interface TenantRows {
  names: string[];
  /** Place in `names`, or −1; one per row. */
  of: Int32Array;
}

/** All that came of one run but the rows of its requests. Holds no wall-clock value. */
export interface RunFacts {
  name: string;
  mode: "agg" | "disagg";
  sla: { ttftMs: number; itlMs: number };
  gaps: GapStatistics;
  /** Time of the last token, ms. */
  durationMs: number;
  /** When the run ended (all requests done, or the limit), ms. */
  endMs: number;
  gpusPerWorker: { prefill: number; decode: number };
  workers: WorkerLife[];
  scalingEvents: ScalingEvent[];
  decisions: Decision[];
  timeline: Timeline;
  engine: EngineCounters;
  /** Absent where nobody is named. */
  tenants?: Pick<TenantRows, "names">;
  /** Of tenants with an SLA of their own. */
  tenantSlas?: Record<string, { ttftMs: number; itlMs: number }>;
  seed?: number;
  /** What the scenario shows, one sentence. */
  shows?: string;
  /** Name of the profile the engines replayed. */
  profile?: string;
  /** In order of time; absent: the run had none. */
  faults?: FaultRecord[];
  expectations?: ExpectationResult[];
  bestStatic?: BestStatic;
}

/** What is known of each request; arrays are index-aligned. */
interface RequestColumns {
  requests: RequestTable;
  /** 1 where the SLA could be met at all (DESIGN §9.1). */
  feasible: Uint8Array;
}

/** Everything that came of one run; made by the simulator and the load generator, read by reports. */
export interface RunRecord extends RunFacts, RequestColumns {
  /** Absent where nobody is named. */
  tenants?: TenantRows;
  /** Of runs with a KV-aware router. */
  routing?: RoutingRecord;
}

/** Rows of a run that follow one another. */
export interface RequestBlock extends RequestColumns {
  /** Number of its first row among those of the run. */
  first: number;
  /** Place in `RunFacts.tenants.names`, or −1; null where nobody is named. */
  tenantOf: Int32Array | null;
  /** null where there was no KV-aware router. */
  routing: RoutingRecord | null;
}

/** The rows of a run in blocks, in their order; may be gone through any number of times. A block is good until the next one is asked for. */
export interface RequestRows extends Iterable<RequestBlock> {
  readonly count: number;
}

/** A run whose rows are on disk. */
export interface StoredRun extends RunFacts {
  rows: RequestRows;
}

/** What reports are made of. */
export type ReportedRun = RunRecord | StoredRun;
