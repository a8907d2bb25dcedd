import type { EngineConfig, KvEvent, TransferModel } from "#mocker/engine";
import type { createRouter, RouterMode, RouterSettings } from "#mocker/router";
import type { Planner } from "#planner/core";
import type { ClientBehaviour, Fault, Workload } from "#scenarios/workload";
import type { RunRecord } from "#src/record";

/** Switches of dynosim.md §12 that concern the simulator around the engines; all true is DynoSim 1.6.1. */
export interface SimulatorQuirks {
  /** 14: in disaggregated runs passes start before the arrivals of the same instant. */
  passesBeforeArrivals: boolean;
  /** As DynoSim scales down: the highest ids go, whatever they are doing. Absent: who has least to do. */
  highestIdsDrain?: boolean;
  /** As DynoSim's planner does in aggregated runs: it ticks after the arrivals of the same instant. Absent: before them. */
  ticksAfterArrivals?: boolean;
  /** As DynoSim: data-parallel ranks are chosen by its KV router, and by every router where prefill and decode are apart. Absent: workers, whose ranks take turns. */
  ranksAreRouted?: boolean;
}

export interface PoolSpec {
  workers: number;
  engine: EngineConfig;
  /** Data-parallel ranks of a worker: schedulers in lock step that share its GPUs. */
  dpSize: number;
  gpusPerWorker: number;
  startupMs: number;
}

/** One rehearsal in virtual time. In aggregated mode `prefill` is null and `decode` is the one pool. */
export interface SimulationSpec {
  name: string;
  seed: number;
  workload: Workload;
  prefill: PoolSpec | null;
  decode: PoolSpec;
  /** A mode alone has Dynamo's defaults of everything else. */
  router: RouterMode | RouterSettings;
  /** Makes the routers; absent: `createRouter`. */
  newRouter?: typeof createRouter;
  transfer: TransferModel | null;
  sla: { ttftMs: number; itlMs: number };
  /**
   * The prefill (or aggregated) engine as the planner believes it to be, by its profile; absent: it is as the real one. A planner
   * finds out how far prompts take longer or shorter than it says.
   */
  profiledPrefill?: EngineConfig;
  /** Absent: the initial workers stay. */
  planner?: Planner;
  /** A planner in its first state, for one that is restarted; absent: it comes back with what it knew. */
  newPlanner?: () => Planner;
  /** What goes wrong. */
  faults?: readonly Fault[];
  /** What clients do without an answer; absent: they wait for ever and try once. */
  clients?: ClientBehaviour | null;
  quirks: SimulatorQuirks;
  /** `skipping` is the fast one, `stepping` its readable twin. */
  engine: "skipping" | "stepping";
  /** Hold the run against the invariants; where one does not hold it throws. */
  check?: boolean;
  /** Stop at this time even if requests are left (they count as unfinished), ms. */
  endMs?: number;
  /** Go on until this time at least (workers cost until then), ms. */
  minEndMs?: number;
  /** Keep admission and transfer records per request. */
  capture?: boolean;
  /** Width of timeline windows, ms. */
  timelineWindowMs?: number;
  /** KV events of engines whose configuration asks for them. */
  onKvEvent?: (engine: number, event: KvEvent, atMs: number) => void;
  onProgress?: (nowMs: number, doneRequests: number) => void;
}

/** One entry into a running batch. */
export interface AdmissionRecord {
  request: number;
  pool: "agg" | "prefill" | "decode";
  atMs: number;
  reusedTokens: number;
  /** The request had been admitted in this pool before. */
  readmission: boolean;
}

/** Stations of a disaggregated request, ms; NaN where they did not happen. */
export interface TransferTimes {
  prefillAdmitMs: Float64Array;
  sourceHeldMs: Float64Array;
  destinationReservedMs: Float64Array;
  destinationActivatedMs: Float64Array;
  decodeAdmitMs: Float64Array;
  sourceReleasedMs: Float64Array;
}

/** The data-parallel rank that served each request, −1 where none did: number of the worker × ranks of a worker + rank. */
export interface ServingRanks {
  prefill: Int32Array;
  decode: Int32Array;
}

export interface SimulationResult extends RunRecord {
  /** With `capture`: in order of time. */
  admissions: Iterable<AdmissionRecord> & { readonly length: number };
  transfers: TransferTimes | null;
  /** With `capture`. */
  ranks: ServingRanks | null;
  /** Gap moments of 1000/gap (tokens/s/user over every gap), as DynoSim reports them. */
  perUserThroughput: RunRecord["gaps"];
  /** Σ over pools of prompt tokens that passes computed. */
  committedPrefillTokens: number;
}
