import { FRONTEND_MAX_ATTEMPTS, WAITING_WEIGHT } from "#mocker/router";
import type { FaultRecord } from "#src/record";
import type { Pool, SimulatedWorker } from "../pool.ts";
import { DeadEngine } from "./dead-engine.ts";
import type { Stage } from "./stage.ts";
import type { TouchedRequests } from "./touched.ts";

/** Where a request is. */
const Where = {
  /** Not in the system: not yet, between two attempts of its client, or no more. */
  away: 0,
  /** On its way to the first worker, or waiting for one that is ready. */
  waiting: 1,
  /** On the worker that computes its prompt, without a token yet. */
  first: 2,
  /** Its prompt is computed, and no decode worker has been found yet. */
  held: 3,
  /** It wants blocks of a decode worker. */
  reserving: 4,
  transferring: 5,
  /** Its KV cache has come, though the engine may be in a pass and not know yet. */
  arrived: 6,
  decoding: 7,
  /** The worker is done; the answer is on its way. */
  answered: 8,
} as const;

/** Every request's whereabouts, and the ways in which it can leave them before its time. */
export class InFlight {
  readonly #stage: Stage;
  readonly #touched: TouchedRequests;
  readonly #where: Uint8Array;
  readonly #firstEngine: Int32Array;
  readonly #secondEngine: Int32Array;
  /** Its first token has left the worker. */
  readonly #tokenOut: Uint8Array;
  /** The prefill worker holds its blocks. */
  readonly #sourceHolds: Uint8Array;
  /** Workers that the frontend has given it to in this attempt of the client. */
  readonly #tries: Uint8Array;
  /** Goes up whenever it leaves a place: what was under way for it before means nothing any more. */
  readonly #epoch: Int32Array;
  readonly #transferDueMs: Float64Array;
  /** When it last left a place before its time. */
  readonly #leftMs: Float64Array;
  /** It did, and has not come to another one since. */
  readonly #hasLeft: Uint8Array;
  /** Engines that have yet to free its blocks: until then it can come to no other. */
  readonly #frees: Uint8Array;
  readonly #whenFree = new Map<number, () => void>();
  readonly #freeing = new Map<number, number[]>();
  /** Told when the frontend gives up on a request, or its answer breaks off. */
  onBroken: (request: number) => void = () => {};

  constructor(stage: Stage, touched: TouchedRequests) {
    this.#stage = stage;
    this.#touched = touched;
    const { count } = stage.simulation.spec.workload;
    this.#where = new Uint8Array(count);
    this.#firstEngine = new Int32Array(count).fill(-1);
    this.#secondEngine = new Int32Array(count).fill(-1);
    this.#tokenOut = new Uint8Array(count);
    this.#sourceHolds = new Uint8Array(count);
    this.#tries = new Uint8Array(count);
    this.#epoch = new Int32Array(count);
    this.#transferDueMs = new Float64Array(count);
    this.#leftMs = new Float64Array(count).fill(Number.NEGATIVE_INFINITY);
    this.#hasLeft = new Uint8Array(count);
    this.#frees = new Uint8Array(count);
  }

  // ── its way through the deployment ──────────────────────────────────────────────────────────────────────────────

  isIn(request: number): boolean {
    return this.#where[request] !== Where.away;
  }

  /** Whether what an engine tells of a request is about a request that still is on it: a pass under way goes on without it. */
  isOn(request: number, engine: number): boolean {
    const where = this.#where[request]!;
    if (where < Where.first || where > Where.decoding) return false;
    const second = where >= Where.reserving && this.#secondEngine[request] !== -1;
    return (second ? this.#secondEngine : this.#firstEngine)[request] === engine;
  }

  /** The same for what an engine tells only now, though it happened at `atMs`. */
  wasOn(request: number, engine: number, atMs: number): boolean {
    const { outcomes } = this.#stage.simulation;
    return this.isOn(request, engine) || (atMs <= this.#leftMs[request]! && atMs >= outcomes.sentMs(request));
  }

  sent(request: number): void {
    this.#where[request] = Where.waiting;
    this.#tokenOut[request] = 0;
    this.#tries[request] = 1;
  }

  /** Brings it to a worker of the pool after `delayMs`, and not before its blocks elsewhere are free. */
  deliver(pool: Pool, request: number, delayMs: number): void {
    const { nowMs, returns } = this.#stage.simulation;
    if (this.#frees[request]! > 0) {
      this.#whenFree.set(
        request,
        this.guarded(request, () => this.deliver(pool, request, delayMs)),
      );
      return;
    }
    if (this.#hasLeft[request] === 1 && returns !== null) returns[request]!++;
    this.#hasLeft[request] = 0;
    const route = () => this.#stage.route(pool, request);
    if (delayMs > 0) this.#stage.at(nowMs + delayMs, this.guarded(request, route));
    else route();
  }

  /** `act`, unless the request has left its place by then. */
  guarded(request: number, act: () => void): () => void {
    const epoch = this.#epoch[request];
    return () => {
      if (this.#epoch[request] === epoch) act();
    };
  }

  placed(request: number, engine: number, reserves: boolean): void {
    if (reserves) {
      this.#where[request] = Where.reserving;
      this.#secondEngine[request] = engine;
    } else {
      this.#where[request] = Where.first;
      this.#firstEngine[request] = engine;
    }
  }

  firstToken(request: number): void {
    this.#tokenOut[request] = 1;
    this.#where[request] = Where.decoding;
  }

  finished(request: number): void {
    this.#where[request] = Where.answered;
  }

  held(request: number): void {
    this.#where[request] = Where.held;
    this.#sourceHolds[request] = 1;
  }

  transferBegins(request: number, dueMs: number): void {
    this.#where[request] = Where.transferring;
    this.#transferDueMs[request] = dueMs;
  }

  /** Whether a transfer that ends now is still wanted: the request may have left, and be on another one. */
  isTransferring(request: number): boolean {
    return this.#where[request] === Where.transferring && this.#transferDueMs[request] === this.#stage.simulation.nowMs;
  }

  arrived(request: number): void {
    this.#where[request] = Where.arrived;
  }

  activated(request: number): void {
    if (this.#where[request] === Where.arrived) this.#where[request] = Where.decoding;
  }

  released(request: number): void {
    this.#sourceHolds[request] = 0;
  }

  ended(request: number): void {
    this.#where[request] = Where.away;
    this.#epoch[request]!++;
  }

  // ── leaving before its time ─────────────────────────────────────────────────────────────────────────────────────

  /** Requests that a worker works for, in their order. */
  on({ role, id }: SimulatedWorker): number[] {
    const { simulation } = this.#stage;
    const aggregated = simulation.prefillPool === null;
    const [from, to] =
      role === "prefill"
        ? [Where.first, Where.transferring]
        : [aggregated ? Where.first : Where.reserving, Where.decoding];
    const found: number[] = [];
    for (let request = 0; request < this.#where.length; request++) {
      const where = this.#where[request]!;
      if (where >= from && where <= to && simulation.outcomes.workerOf(role, request) === id) found.push(request);
    }
    return found;
  }

  /** The worker that held it died: before the first token it goes to another one, as the frontend has it; later it is broken off. */
  lostWorker(request: number, record: FaultRecord): void {
    if (this.#tokenOut[request] === 1) this.#breakOff(request, record);
    else this.retry(request, record);
  }

  /** The frontend gives it to another worker, from its prompt on, or gives up after so many. */
  retry(request: number, record: FaultRecord): void {
    if (this.#tries[request]! >= FRONTEND_MAX_ATTEMPTS) {
      this.#breakOff(request, record);
      return;
    }
    this.#touched.add(record, request, "retried");
    this.leave(request);
    this.#tries[request]!++;
    this.#where[request] = Where.waiting;
    const { simulation } = this.#stage;
    simulation.outcomes.triedAgain(request);
    simulation.faults!.deliver(simulation.prefillPool ?? simulation.decodePool, request);
  }

  #breakOff(request: number, record: FaultRecord): void {
    this.#touched.add(record, request, "failed");
    this.leave(request);
    this.onBroken(request);
  }

  /** It is nowhere any more: what it held is free, or will be at the end of the pass under way. */
  leave(request: number): void {
    const where = this.#where[request]!;
    const { desk, nowMs, outcomes } = this.#stage.simulation;
    this.#leftMs[request] = nowMs;
    this.#hasLeft[request] = 1;
    this.ended(request);
    outcomes.dropTokensAfter(request, nowMs);
    if (where === Where.waiting)
      desk.drop(this.#stage.simulation.prefillPool === null ? "decode" : "prefill", request, nowMs);
    if (where === Where.held) desk.drop("decode", request, nowMs);
    const aggregated = this.#stage.simulation.prefillPool === null;
    if (where === Where.first || (aggregated && where > Where.first)) {
      this.#workOff(request, aggregated);
      if (where !== Where.answered) this.#cancel(this.#firstEngine[request]!, request);
    } else if (where >= Where.reserving) {
      this.#workOff(request, true);
      if (where !== Where.answered) this.#cancel(this.#secondEngine[request]!, request);
    }
    if (this.#sourceHolds[request] === 1) this.#cancel(this.#firstEngine[request]!, request);
  }

  /** Its share of its worker's outstanding work. */
  #workOff(request: number, onDecode: boolean): void {
    const { spec, prefillPool, decodePool, outcomes, desk, nowMs } = this.#stage.simulation;
    const pool = onDecode ? decodePool : prefillPool!;
    const worker = pool.workers[outcomes.workerOf(pool.role, request)]!;
    const waits = prefillPool === null && !outcomes.hasFirstToken(request);
    pool.addWork(worker, onDecode ? (waits ? -WAITING_WEIGHT : -1) : -spec.workload.isl[request]!);
    desk.ended(pool.role, request, nowMs);
  }

  #cancel(engine: number, request: number): void {
    const { simulation } = this.#stage;
    const { engines } = simulation;
    if (engines[engine] instanceof DeadEngine) {
      // Of the decode worker's death the prefill worker's blocks are not free yet.
      if (engine === this.#firstEngine[request]) this.#sourceHolds[request] = 0;
      return;
    }
    this.#stage.touch(engine);
    if (this.#stage.cancel(engine, request) && !engines[engine]!.busy) {
      simulation.removeIfDrained(simulation.workerOf[engine]!);
      return;
    }
    this.#frees[request]!++;
    const freeing = this.#freeing.get(engine);
    if (freeing === undefined) this.#freeing.set(engine, [request]);
    else freeing.push(request);
  }

  /** The engine has taken its commands, or died: what it was to free is free. */
  passEnded(engine: number): void {
    const freed = this.#freeing.get(engine);
    if (freed === undefined) return;
    this.#freeing.delete(engine);
    for (const request of freed) {
      if (--this.#frees[request]! > 0) continue;
      const act = this.#whenFree.get(request);
      this.#whenFree.delete(request);
      act?.();
    }
  }
}
