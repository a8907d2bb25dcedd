import type { Clock } from "#common";
import type { Connector, DeploymentState, Leadership, ScaleStatus } from "#planner/connectors";
import type { Decision, Observation, Planner, Targets } from "#planner/core";

/** What a service asks at each tick; `scrapeSource` and others are such. */
export interface ObservationSource {
  /** @param nowMs end of the window, model ms; default now. Never throws for what can't be had: that is null. */
  observe(nowMs?: number): Promise<Observation>;
  /** What went wrong at the last observation, one line each. */
  readonly problems: readonly string[];
  close(): Promise<void>;
}

/** Why a tick changed nothing, or how the platform took its wish. */
export type ActionStatus = ScaleStatus | "no-decision" | "advisory" | "standby" | "state-unknown" | "timeout";

export interface TickAction {
  status: ActionStatus;
  /** One sentence. */
  message: string;
  /** Replicas that were wanted; null where the decision wants none changed. */
  wanted: Partial<Targets> | null;
  /** Replicas in force afterwards, as far as known. */
  inForce: Partial<Targets>;
}

/** The observation without what belongs to single requests, passes and workers. */
export type ObservedTotals = Omit<
  Observation,
  "startedIsl" | "prefillLoad" | "decodeLoad" | "forwardPasses" | "workers"
> & {
  /** Prompt tokens waiting on each prefill (or aggregated) worker, by its number; null where unknown. */
  queuedTokens: Record<string, number> | null;
  /** KV tokens held on each decode worker; null where unknown. */
  kvTokens: Record<string, number> | null;
  /** KV tokens of sequences that wait to decode on each worker; null where unknown. Absent: nobody asked. */
  queuedKvTokens?: Record<string, number> | null;
  /** Forward passes that were told of; null: not known. Absent: nobody asked. */
  passes?: { prefill: number | null; decode: number | null };
};

/** All that is remembered of one tick. */
export interface TickSnapshot {
  tick: number;
  /** Model ms as planned, as in the decision. */
  atMs: number;
  /** When it began by the wall clock, Unix ms. */
  atUnixMs: number;
  /** Null where nothing could be observed in time. */
  observed: ObservedTotals | null;
  /** What a source could not get, one line each. */
  problems: string[];
  state: DeploymentState | null;
  decision: Decision | null;
  action: TickAction;
  isLeader: boolean;
  /** How much later than it was due the tick began, and how long it took, ms. */
  lagMs: number;
  tookMs: number;
  /** GPU-hours of ready workers since the service began. */
  gpuHours: number;
}

export interface ServiceLog {
  info(text: string): void;
  warn(text: string): void;
}

/** A strategy, or one with plugins round it, whose answers take time. */
export interface TickingPlanner extends Omit<Planner, "tick"> {
  tick(observation: Observation): Decision | Promise<Decision>;
  /** Absent: it holds nothing open. */
  close?(): Promise<void>;
}

export interface PlannerServiceOptions {
  planner: TickingPlanner;
  source: ObservationSource;
  /** Open; closed by the service. */
  connector: Connector;
  /** Who acts; absent: this one. */
  leadership?: Leadership;
  clock: Clock;
  /** Resolves after real ms, or when `signal` is aborted; never rejects. */
  sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  /** GPUs of a worker where the platform does not say. */
  gpusPerWorker: Targets;
  /** Decide and say so, but change nothing. */
  advisory: boolean;
  /** Real ms that a change may take until it has come about; later it is told that it has not. Default 1 800 000, as in Dynamo. */
  settleMs?: number;
  /** Real ms that observing and reading the state may take. */
  tickMaxDurationMs: number;
  /** Snapshots that are kept. Default 50 000, as in Dynamo. */
  keep?: number;
  /** Told of each tick, with what it observed of single engines; null: nothing. */
  onSnapshot?: (snapshot: TickSnapshot, observation: Observation | null) => void;
  log: ServiceLog;
}
