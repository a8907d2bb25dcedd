import type { LoadValues, PredictorTools } from "#planner/predictors";
import type { Profile } from "#profiles";

import type { PassModel } from "./load-compat/pass-model.ts";

export type Role = "prefill" | "decode";

/** Workers of one role. `starting` are paid for but not ready; `draining` finish their requests and go. */
export interface WorkerCounts {
  active: number;
  starting: number;
  draining: number;
}

/** A decode (or aggregated) worker as it stands now. */
export interface DecodeWorkerLoad {
  workerId: number;
  /** Sequences in the decoding batch. */
  batch: number;
  /** Σ context tokens of the batch. */
  kvTokens: number;
  /** Duration of the last pass, ms; null before the first. */
  itlMs: number | null;
}

export interface PrefillWorkerLoad {
  workerId: number;
  queuedRequests: number;
  queuedTokens: number;
}

/**
 * What was seen in one window that ends at the tick. `null` means "no data"; it is never "no traffic", which is 0.
 * In aggregated mode the one pool is `decode` and `prefill` has zero workers.
 */
export interface Observation {
  /** Time of the tick, virtual or of the wall clock, ms: as planned, so that ticks are whole intervals apart. */
  nowMs: number;
  windowMs: number;
  /** When the window ended by the clock, ms: ticks come a little late. Absent: at `nowMs`. */
  windowEndMs?: number;
  /** Requests that arrived (offered load), or null. */
  startedRequests: number | null;
  /** ISL of each request that arrived (may be a sample), tokens. */
  startedIsl: ArrayLike<number>;
  /** Requests that ended. */
  completedRequests: number | null;
  /** Means over the requests that ended in the window; null where none ended or the source lacks it. */
  meanIsl: number | null;
  meanOsl: number | null;
  meanTtftMs: number | null;
  meanItlMs: number | null;
  meanRequestDurationMs: number | null;
  /** Requests judged against the SLA in the window, and those that met it. Infeasible requests are not judged. */
  ttftJudged: number;
  ttftMet: number;
  itlJudged: number;
  itlMet: number;
  /** Σ measured prefill seconds (without queueing) of prompts that finished prefill, and Σ of what the profile says for them. */
  prefillMeasuredS: number | null;
  prefillProfiledS: number | null;
  /** Prompts behind those two sums. */
  prefillCount: number;
  workers: { prefill: WorkerCounts; decode: WorkerCounts };
  prefillLoad: PrefillWorkerLoad[] | null;
  decodeLoad: DecodeWorkerLoad[] | null;
  /** Mean share of prompt tokens found in the cache, 0..1; null or absent: unknown, which is not 0. */
  kvHitRate?: number | null;
  /** Mean tokens per decode pass and sequence (1 without speculative decoding); null or absent: unknown. */
  acceptLength?: number | null;
  /** Forward passes since the last observation, by role, in order of worker and time; null or absent: not known. */
  forwardPasses?: { prefill: ForwardPass[] | null; decode: ForwardPass[] | null };
  /** What the workers of each role say that they take, in whole; absent: not known. */
  workerLimits?: Partial<Record<Role, WorkerLimits>>;
  /** Passes that engines of each role were tried with before they served, told by one of them; absent: not known. */
  benchmarks?: Partial<Record<Role, ForwardPass[]>>;
  /** What somebody else forecasts: strategies take it in place of their own, field by field; null or absent: their own. Rate in requests/s. */
  forecast?: { requestRate: number | null; isl: number | null; osl: number | null };
}

/** What a worker takes at most, over all its ranks; null: it does not say. */
export interface WorkerLimits {
  /** Prompt tokens of one pass. */
  maxBatchedTokens: number | null;
  /** Sequences at once. */
  maxSequences: number | null;
  maxKvTokens: number | null;
  /** Longest prompt and output, tokens. */
  contextLength: number | null;
}

/**
 * One forward pass of one data-parallel rank, and what it leaves waiting (Dynamo's ForwardPassMetrics, version 1). Variances
 * are population variances, tokens²; absent: not known.
 */
export interface ForwardPass {
  workerId: string;
  dpRank: number;
  /** Number of the pass within its rank. */
  counterId: number;
  /** Duration, s; 0: a heartbeat of an idle engine. */
  wallTimeS: number;
  scheduled: {
    prefillRequests: number;
    /** Prompt tokens computed in this pass, without cached ones. */
    prefillTokens: number;
    prefillLengthVariance?: number;
    /** Context of those prompts that was in the cache already, tokens. */
    prefillKvTokens: number;
    decodeRequests: number;
    decodeKvTokens: number;
    decodeKvVariance?: number;
  };
  queued: {
    prefillRequests: number;
    prefillTokens: number;
    prefillLengthVariance?: number;
    decodeRequests: number;
    decodeKvTokens: number;
    decodeKvVariance?: number;
  };
}

/** One reason, for people and machines: a stable code, the role it concerns, and a sentence. */
export interface Reason {
  code: string;
  role: Role | null;
  text: string;
}

/** A limit that changed a number. */
export interface Clamp {
  name: string;
  role: Role | null;
  from: number;
  to: number;
}

export interface Targets {
  prefill: number;
  decode: number;
}

/** One tick of a strategy, with all that led to it. */
export interface Decision {
  tick: number;
  atMs: number;
  strategy: string;
  /** Workers wanted per role (active + starting, without draining); null: leave everything as it is. */
  targets: Targets | null;
  /** Counts at the tick. */
  workers: { prefill: WorkerCounts; decode: WorkerCounts };
  /** Observed and forecast load; null where unknown. Rates in requests/s. */
  observedRate: number | null;
  forecast: { requestRate: number; isl: number; osl: number } | null;
  /** Inputs and intermediate values of the formulas by name; units end the names. */
  values: Record<string, number>;
  clamps: Clamp[];
  reasons: Reason[];
  /** What the loops over load and throughput came to last, in Dynamo's words; absent: the strategy has no such loops. */
  loops?: { load: string; throughput: string };
}

/** A strategy with its state: pure, time comes in with the observation. */
export interface Planner {
  readonly strategy: string;
  /** Time between ticks, ms. */
  readonly intervalMs: number;
  /** Whether it reads `forwardPasses`: sources that it costs something to fill them leave them out otherwise. */
  readonly needsForwardPasses?: boolean;
  tick(observation: Observation): Decision;
  /** Workers that always remain, from the next tick on. Absent: the strategy can't be told while it runs. */
  setMinimum?(minimum: Targets): void;
}

/** What every strategy must know of the deployment it plans for. */
export interface PlannerContext {
  /** `prefill` and `decode`: that role alone is planned; the other is somebody else's. */
  mode: "agg" | "disagg" | "prefill" | "decode";
  sla: { ttftMs: number; itlMs: number };
  gpusPerWorker: { prefill: number; decode: number };
  /** Start-up time of a worker, ms. */
  startupMs: { prefill: number; decode: number };
  /** KV transfer per token of a prompt, ms; 0 where there is none. */
  transferMsPerToken: number;
  /** Data-parallel ranks of a worker (attention-DP): schedulers with a batch and a cache each; absent: 1. */
  ranksPerWorker?: Targets;
  /** KV capacity of one rank of a decode (or aggregated) worker, tokens; absent: the profile's. */
  kvTokensPerRank?: number;
  /** Sequences a decode (or aggregated) worker takes at most, over all its ranks; absent: the cache is the only limit. */
  maxDecodeSequences?: number;
  /** Prompt tokens that one pass of a prefill (or aggregated) worker takes at most; absent: 8192. 1: one prompt at a time. */
  maxBatchedTokens?: number;
  /**
   * Disaggregated: which worker sends the first token. From `decode` (the default, as in Dynamo) TTFT ends with the first
   * decode pass, so a part of the SLA belongs to it.
   */
  firstTokenFrom?: "prefill" | "decode";
  /** Measurements that latency models begin with; absent: they learn from live passes alone. */
  profile?: Pick<Profile, "prefill" | "decode">;
  /**
   * Estimators of single passes by role (`decode` of an aggregated worker): strategies that ask for passes take them in place of regressions,
   * and correct them by measured passes. Absent: none.
   */
  passModels?: Partial<Record<Role, PassModel>>;
  /** What predictors need of the outside: Prophet's library. */
  predictorTools?: PredictorTools;
  /** Traffic from before, by intervals of the given length (s), oldest first: what predictors learn before the first tick. */
  history?: (intervalS: number) => Iterable<LoadValues>;
}
