import type {
  Decision,
  DecodeWorkerLoad,
  ForwardPass,
  PrefillWorkerLoad,
  Role,
  Targets,
  WorkerCounts,
} from "#planner/core";

export type PluginStage = "predict" | "propose" | "reconcile" | "constrain";

/** Version of the contract below. */
export const PROTOCOL_VERSION = "1.0";

/** What traffic is expected; a field that is absent or null is left to others. Rates in requests/s, lengths in tokens. */
export interface PluginForecast {
  requestRate?: number | null;
  isl?: number | null;
  osl?: number | null;
  /** Share of prompt tokens found in the cache, 0..1. */
  kvHitRate?: number | null;
  /** Tokens per decode pass and sequence. */
  acceptLength?: number | null;
}

/** Traffic of a window that ends now. Null: not known, which is not 0. */
export interface PluginTraffic {
  windowMs: number;
  startedRequests: number | null;
  completedRequests: number | null;
  meanIsl: number | null;
  meanOsl: number | null;
  meanTtftMs: number | null;
  meanItlMs: number | null;
  meanRequestDurationMs: number | null;
  kvHitRate: number | null;
  acceptLength: number | null;
}

/** What a plugin is asked at a tick. Over HTTP it is the body of the request, as JSON. */
export interface PluginRequest {
  protocolVersion: string;
  pluginId: string;
  stage: PluginStage;
  tick: number;
  /** Time of the tick, ms of the planner's clock. */
  nowMs: number;
  deployment: {
    mode: "disagg" | "prefill" | "decode" | "agg";
    sla: { ttftMs: number; itlMs: number };
    gpusPerWorker: Targets;
    /** Null: no limit. */
    maxGpus: number | null;
    minWorkers: Targets;
  };
  /** Counts per role. */
  workers: Record<Role, WorkerCounts>;
  /** Workers per role that stand before this plugin's stage: what there is, or what earlier stages made of it. */
  targets: Partial<Targets>;
  /** What earlier plugins and the strategy expect; null before anybody has said. */
  forecast: PluginForecast | null;
  /** Parts of the observation; a part that `needs` leaves out is absent, one that is not known is null. */
  traffic?: PluginTraffic;
  prefillLoad?: PrefillWorkerLoad[] | null;
  decodeLoad?: DecodeWorkerLoad[] | null;
  forwardPasses?: { prefill: ForwardPass[] | null; decode: ForwardPass[] | null } | null;
  /** The strategy's own decision, from stage propose on. */
  decision?: Pick<Decision, "strategy" | "targets" | "values" | "reasons">;
}

/** A wish for one role. `replicas` null: no wish. */
export interface PluginTarget {
  role: Role;
  replicas: number | null;
  /** SET names a number, AT_LEAST and AT_MOST bound the one that wins. */
  type: "SET" | "AT_LEAST" | "AT_MOST";
}

/**
 * What a plugin says. `accept`: no opinion; `override`: targets, or in stage predict a forecast; `reject` (not in predict): nothing is scaled at this
 * tick. `final` ends the argument: of the final overrides, the one of smallest priority counts verbatim.
 */
export type PluginAnswer =
  | { kind: "accept"; reason?: string }
  | { kind: "override"; targets: PluginTarget[]; final?: boolean; reason?: string }
  | { kind: "override"; forecast: PluginForecast; final?: boolean; reason?: string }
  | { kind: "reject"; reason?: string };

/** One plugin as the planner asks it. */
export interface Plugin {
  /**
   * Answers within the signal's time.
   * @throws anything: it counts as a failure
   */
  ask(request: PluginRequest, signal: AbortSignal): Promise<unknown>;
  close(): Promise<void>;
}

/** What an ES module's plugin implements: the method of its stage. */
export interface PluginModule {
  predict?(request: PluginRequest, signal: AbortSignal): PluginAnswer | Promise<PluginAnswer>;
  propose?(request: PluginRequest, signal: AbortSignal): PluginAnswer | Promise<PluginAnswer>;
  reconcile?(request: PluginRequest, signal: AbortSignal): PluginAnswer | Promise<PluginAnswer>;
  constrain?(request: PluginRequest, signal: AbortSignal): PluginAnswer | Promise<PluginAnswer>;
  close?(): void | Promise<void>;
}

/** The default export of such a module: the plugin, or what makes it from the options of the configuration. */
export type PluginFactory = (options: Record<string, unknown>) => PluginModule | Promise<PluginModule>;

/** How a plugin took part in a tick. */
export type PluginResult =
  | "override"
  | "accept"
  | "reject"
  /** Not asked now; its last override counts on. */
  | "held"
  /** Not asked now, and without an opinion. */
  | "idle"
  | "unsatisfied"
  | "circuit_open"
  | "failed";

export interface PluginEvaluation {
  pluginId: string;
  stage: PluginStage;
  result: PluginResult;
  /** What it said, or why it failed; one sentence. */
  reason: string;
  /** Time that the answer took, ms; null where it was not asked. */
  tookMs: number | null;
}

/** Why targets were applied or not, in the words of Dynamo's pipeline. */
export type ExecuteAction = "apply" | "skip_short_circuit" | "skip_no_targets" | "skip_tick_timeout";

/** All that plugins did at a tick. */
export interface PluginAudit {
  action: ExecuteAction;
  evaluations: PluginEvaluation[];
}
