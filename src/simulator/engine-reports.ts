import { type EngineListener, type KvEvent, transferMs } from "#mocker/engine";
import { WAITING_WEIGHT } from "#mocker/router";
import type { Pool, SimulatedWorker } from "./pool.ts";
import type { Simulation } from "./simulation.ts";
import type { AdmissionRecord } from "./types.ts";

/** What a simulation does where an engine's report is not all that happens. */
export interface ReportHands {
  /** The request has left. */
  ended(request: number): void;
  reject(request: number): void;
  /** Its prompt is computed: it wants a decode worker. */
  handOver(request: number): void;
  /** Its KV cache will have arrived at `endMs`. @param order among those of one instant that took time; without, as they are told */
  transferEnds(request: number, endMs: number, order?: number): void;
  /** Its KV cache has arrived: where it came from it is no longer needed. */
  releaseSource(request: number, atMs: number): void;
}

/** Whose reports they are. */
export interface EngineSeat {
  engine: number;
  pool: Pool;
  worker: SimulatedWorker;
}

/**
 * Writes down what one engine tells, and passes it on. A class with its state in fields: a thousand engines would otherwise have thirteen closures
 * each.
 */
export class EngineReports implements EngineListener {
  readonly #simulation: Simulation;
  readonly #hands: ReportHands;
  readonly #engine: number;
  readonly #pool: Pool;
  readonly #worker: SimulatedWorker;
  readonly #poolName: AdmissionRecord["pool"];
  /** Tokens of one step may come together. */
  readonly #speculates: boolean;

  constructor(simulation: Simulation, hands: ReportHands, { engine, pool, worker }: EngineSeat) {
    this.#simulation = simulation;
    this.#hands = hands;
    this.#engine = engine;
    this.#pool = pool;
    this.#worker = worker;
    this.#poolName = simulation.prefillPool === null ? "agg" : pool.role;
    this.#speculates = pool.spec.engine.speculative !== null;
  }

  admitted(request: number, atMs: number, reusedTokens: number): void {
    this.#simulation.outcomes.admitted(this.#poolName, request, atMs, reusedTokens);
  }

  firstToken(request: number, atMs: number): void {
    const { outcomes, observer, desk } = this.#simulation;
    outcomes.firstToken(request, atMs);
    observer.firstToken(request, atMs - outcomes.sentMs(request));
    if (this.#poolName !== "agg") return;
    this.#pool.addWork(this.#worker, 1 - WAITING_WEIGHT);
    desk.prefilled(this.#pool.role, request);
    this.#prefilled(request);
  }

  secondToken(request: number, atMs: number): void {
    this.#simulation.outcomes.secondToken(request, atMs);
  }

  firstOutputToken(request: number, atMs: number): void {
    this.#simulation.outcomes.firstOutputToken(request, atMs);
  }

  finished(request: number, atMs: number, outputTokens: number): void {
    const { outcomes, observer, desk } = this.#simulation;
    this.#pool.addWork(this.#worker, -1);
    desk.ended(this.#pool.role, request, atMs);
    outcomes.finished(request, atMs, outputTokens);
    observer.finished(request, outcomes, outputTokens);
    this.#hands.ended(request);
  }

  preempted(request: number): void {
    this.#simulation.outcomes.preempted(request);
  }

  rejected(request: number): void {
    const { outcomes, desk, nowMs, spec } = this.#simulation;
    const { role } = this.#pool;
    desk.ended(role, request, nowMs);
    const waits = this.#poolName === "agg" && !outcomes.hasFirstToken(request);
    const work = role === "prefill" ? spec.workload.isl[request]! : waits ? WAITING_WEIGHT : 1;
    this.#pool.addWork(this.#worker, -work);
    this.#hands.reject(request);
  }

  gap(gapMs: number, weight: number): void {
    const { gaps, perUser } = this.#simulation;
    gaps.add(gapMs, weight);
    if (gapMs > 0 || !this.#speculates) perUser.add(1000 / gapMs, weight);
  }

  held(request: number, atMs: number): void {
    this.computed(request, atMs);
    this.#hands.handOver(request);
  }

  /** The prompt of a request that is decoded elsewhere. */
  protected computed(request: number, atMs: number): void {
    const { outcomes, desk, spec } = this.#simulation;
    this.#pool.addWork(this.#worker, -spec.workload.isl[request]!);
    desk.ended(this.#pool.role, request, atMs);
    this.#prefilled(request);
    if (outcomes.transfers !== null) outcomes.transfers.sourceHeldMs[request] = atMs;
  }

  reserved(request: number, atMs: number, missingTokens: number): void {
    const { transfers } = this.#simulation.outcomes;
    if (transfers !== null) transfers.destinationReservedMs[request] = atMs;
    this.transferBegins(request, atMs, missingTokens);
  }

  protected transferBegins(request: number, atMs: number, missingTokens: number, order?: number): void {
    const { faults, spec } = this.#simulation;
    const tokens = spec.transfer?.timing === "destination_missing" ? missingTokens : spec.workload.isl[request]!;
    const dueMs = atMs + transferMs(spec.transfer, tokens);
    const endMs = faults?.transferBegins(request, dueMs) ?? dueMs;
    this.#hands.transferEnds(request, endMs, endMs > atMs ? order : undefined);
  }

  activated(request: number, atMs: number): void {
    const { transfers } = this.#simulation.outcomes;
    if (transfers !== null) transfers.destinationActivatedMs[request] = atMs;
    this.#hands.releaseSource(request, atMs);
  }

  released(request: number, atMs: number): void {
    const { transfers } = this.#simulation.outcomes;
    if (transfers !== null) transfers.sourceReleasedMs[request] = atMs;
    this.#simulation.removeIfDrained(this.#worker);
  }

  kvEvent(event: KvEvent, atMs: number): void {
    this.#simulation.spec.onKvEvent?.(this.#engine, event, atMs);
    this.#simulation.desk.noteCacheChange(this.#engine, event);
  }

  #prefilled(request: number): void {
    const { outcomes, observer, profiledPrefill, spec } = this.#simulation;
    observer.prefilled(profiledPrefill.ms(spec.workload.isl[request]!, outcomes.cachedTokens(request)));
  }
}
