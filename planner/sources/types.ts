import type { Clock } from "#common";
import type { Observation, Role, WorkerCounts } from "#planner/core";

/** A worker that can be asked for its load; in an aggregated deployment all workers have the role `decode`. */
export interface SourceWorker {
  /** Number of the worker within its role: what decisions and loads name it by. */
  workerId: number;
  role: Role;
  state: "starting" | "active" | "draining";
  /** Address without a path, null where it does not listen yet. */
  url: string | null;
}

/** What whoever starts and stops workers (a connector, the runner of a live run) knows of them. */
export interface SourceWorkers {
  counts: { prefill: WorkerCounts; decode: WorkerCounts };
  workers: readonly SourceWorker[];
  /** What could not be found out, one line each. */
  problems?: readonly string[];
}

/** What an observation says of requests. */
export type TrafficPart = Omit<
  Observation,
  | "nowMs"
  | "windowMs"
  | "workers"
  | "prefillLoad"
  | "decodeLoad"
  | "prefillMeasuredS"
  | "forwardPasses"
  | "workerLimits"
  | "benchmarks"
  | "forecast"
  | "kvHitRate"
  | "acceptLength"
> & { kvHitRate: number | null; acceptLength: number | null };

export interface TrafficWindow {
  part: TrafficPart;
  /** Time that `part` stands for, ms: that of the window, or close to it. */
  windowMs: number;
  problems: string[];
}

/** Who knows of the requests. */
export interface TrafficReader {
  /** Before the first window begins. */
  begin(): Promise<void>;
  /** Never throws for what can't be had. */
  window(startMs: number, endMs: number): Promise<TrafficWindow>;
  close(): Promise<void>;
}

/** What is common to all sources. */
export interface ObserverOptions {
  /** Model time; its epoch is the zero of `Observation.nowMs`. */
  clock: Clock;
  /** Where the first window begins, model ms; default now, or 0 where that is still to come. */
  startMs?: number;
  /** Asked at each observation; null: nobody knows of any workers. */
  workers: () => SourceWorkers | null | Promise<SourceWorkers | null>;
  /** Why `workers` gave null, one line each. */
  whyNoWorkers?: () => readonly string[];
  /** Whether there is a pool of prefill workers. Default: where the workers have such a role. */
  disaggregated?: boolean;
  /** Ask workers for their forward passes, too. Default: no. */
  forwardPasses?: boolean | "where-told";
  /** Ask a worker of each role for the passes that its engine was tried with. Default: no. */
  benchmarks?: boolean;
  /** Sent with every request to frontends and workers, such as `authorization`. */
  headers?: Readonly<Record<string, string>>;
  /** Real ms that an answer of theirs may take. Default 2000. */
  timeoutMs?: number;
  /** Requests to workers under way at once. Default 64. */
  concurrency?: number;
}

export interface ScrapeSourceOptions extends ObserverOptions {
  /** Frontends that share the deployment's traffic: addresses without a path; asked again and again where they come and go. */
  frontends: readonly string[] | (() => readonly string[]);
  sla: { ttftMs: number; itlMs: number };
  /** Whether an idle deployment would meet the TTFT for such a prompt; others are not judged. Default: all are. */
  feasible?: (isl: number) => boolean;
  /** What an idle engine takes for such a prompt, ms, by the profile. Absent: `prefillProfiledS` is null. */
  idlePrefillMs?: (isl: number, cachedTokens: number) => number;
  /** Only requests of this model; absent: all. */
  model?: string;
  /** Real ms between readings of the request feed within a window, so that a frontend's ring never overflows. Default 1000. */
  pollMs?: number;
  /** A frontend that has not answered for so long (model ms) no longer counts as one that is missing. Default 60 000. */
  staleMs?: number;
}

/** Makes observations for a planner out of what a deployment publishes. */
export interface DeploymentSource {
  /**
   * What was seen since the last observation (at first: since the source was made), up to `nowMs`. Never throws for what
   * can't be reached or read: that is null in the observation, and told by `problems`.
   * @param nowMs end of the window, model ms, not in the future; default now. Events are told apart by their own time.
   */
  observe(nowMs?: number): Promise<Observation>;
  /** What went wrong at the last observation, one line each; empty where nothing did. */
  readonly problems: readonly string[];
  close(): Promise<void>;
}
