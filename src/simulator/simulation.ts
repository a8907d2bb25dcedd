import {
  type Engine,
  type EngineFactory,
  effectiveOsl,
  type IdlePrefill,
  neverFits,
  type RequestColumns,
} from "#mocker/engine";
import { WAITING_WEIGHT } from "#mocker/router";
import { FollowUps, sessionNumbers } from "#scenarios/workload";
import { GapSketch, type RoleName, type RowFile, TimelineRecorder } from "#src/record";
import { ClosedLoops } from "./closed-loops.ts";
import { EngineClock } from "./engine-clock.ts";
import { EngineReports, type ReportHands } from "./engine-reports.ts";
import { EventPriority, EventQueue } from "./event-queue.ts";
import { type FaultPlayer, faultPlayer, returnColumn } from "./faults/index.ts";
import { feasibleRequests } from "./feasible.ts";
import { idlePrefills } from "./idle-prefills.ts";
import { WindowObserver } from "./observer.ts";
import { OpenArrivals } from "./open-arrivals.ts";
import { Outcomes } from "./outcomes.ts";
import { Pool, type SimulatedWorker } from "./pool.ts";
import { columnsByBlockSize } from "./prompt-blocks.ts";
import { Reservations, ReservedFirstReports } from "./reserved-first.ts";
import { RoutingDesk, routedEngine } from "./routing-desk.ts";
import { Scaler } from "./scaler.ts";
import { refuseStuck } from "./stuck.ts";
import { timelineWindowMs } from "./timeline-window.ts";
import type { PoolSpec, SimulationSpec } from "./types.ts";

/** Without any activity for so long, and nothing to come but planner ticks, a run is given up. */
const GIVE_UP_AFTER_MS = 3_600_000;

/**
 * The deployment and its traffic on the virtual clock. All events of one instant are handled before new passes begin:
 * pass ends, transfers, workers that become ready, planner ticks, arrivals, closed-loop refills; then idle engines start.
 */
export class Simulation {
  readonly spec: SimulationSpec;
  readonly prefillPool: Pool | null;
  readonly decodePool: Pool;
  readonly returns: Uint16Array | null;
  readonly outcomes: Outcomes;
  readonly observer: WindowObserver;
  readonly recorder: TimelineRecorder;
  readonly gaps = new GapSketch();
  readonly perUser = new GapSketch();
  readonly profiledPrefill: IdlePrefill;
  readonly feasible: Uint8Array;
  readonly faults: FaultPlayer | null;
  readonly scaler: Scaler;
  /** By engine. */
  readonly workerOf: SimulatedWorker[] = [];
  readonly #events = new EventQueue();
  readonly #clock = new EngineClock((engine) => this.faults?.isFrozen(engine) === true);
  readonly desk: RoutingDesk;
  readonly #loops: ClosedLoops;
  readonly #followUps: FollowUps;
  readonly #arrivals: OpenArrivals;
  /** Requests reserve on a decode worker, and are computed then. */
  readonly #reservesFirst: boolean;
  readonly #reservations = new Reservations();
  /** Requests that want a worker of the other role, since they have just been computed (or reserved); the first `#handedOver` have had one. */
  readonly #handOvers: number[] = [];
  #handedOver = 0;
  readonly #isGraph: boolean;
  readonly #sessions: Int32Array | null;
  readonly #hands: ReportHands = {
    ended: (request) => this.#ended(request),
    reject: (request) => this.#reject(request),
    handOver: (request) => this.#handOvers.push(request),
    transferEnds: (request, endMs, order) => this.#events.push(endMs, EventPriority.transferDone, request, order),
    releaseSource: (request, atMs) => {
      const source = this.#prefillEngineOf[request]!;
      this.#touch(source, "command");
      this.#clock.command("release", source, request, atMs);
    },
  };
  /** Engines that a request is on, by pool; empty in aggregated runs. */
  readonly #prefillEngineOf: Int32Array;
  readonly #decodeEngineOf: Int32Array;
  #inSystem = 0;
  #pendingTurns = 0;
  #done = 0;
  #samples = 0;
  #lastActivityMs = 0;
  nowMs = 0;

  /** @param file where the rows of requests go; null: they stay in memory */
  constructor(
    spec: SimulationSpec,
    makeEngines: (role: RoleName, columns: RequestColumns) => EngineFactory,
    file: RowFile | null = null,
  ) {
    this.spec = spec;
    this.returns = returnColumn(spec);
    const columns = columnsByBlockSize(spec.workload, this.returns);
    const pool = (role: RoleName, poolSpec: PoolSpec) => {
      const routed = { ...poolSpec, engine: routedEngine(spec, poolSpec) };
      return new Pool(role, routed, makeEngines(role, columns(poolSpec.engine.blockSize)));
    };
    this.desk = new RoutingDesk(spec, (poolSpec) => columns(poolSpec.engine.blockSize));
    this.prefillPool = spec.prefill === null ? null : pool("prefill", spec.prefill);
    this.decodePool = pool("decode", spec.decode);
    this.#reservesFirst = spec.prefill !== null && spec.decode.engine.reservesFirst;
    const between = spec.prefill === null ? 0 : spec.workload.count;
    this.#prefillEngineOf = new Int32Array(between);
    this.#decodeEngineOf = new Int32Array(between);
    this.outcomes = new Outcomes(spec, file);
    const { actual, profiled } = idlePrefills(spec);
    this.profiledPrefill = profiled;
    this.feasible = feasibleRequests(spec, spec.workload, actual);
    this.observer = new WindowObserver(spec.sla, this.feasible, spec.planner !== undefined);
    this.recorder = new TimelineRecorder(timelineWindowMs(spec));
    this.#loops = new ClosedLoops(spec.workload);
    this.#followUps = new FollowUps(spec.workload, (request, atMs) => this.#later(request, atMs));
    this.#arrivals = new OpenArrivals(spec.workload);
    this.#isGraph = spec.workload.dependencies !== undefined;
    this.#sessions = spec.workload.nextTurn === null ? null : sessionNumbers(spec.workload);
    this.scaler = new Scaler(this);
    this.faults = faultPlayer(this, this.#events, {
      touch: (engine) => this.#touch(engine, "command"),
      cancel: (engine, request) => this.#clock.command("cancel", engine, request, this.nowMs),
      wake: (engine) => this.#clock.wake(engine),
      bury: (engine) => this.#clock.bury(engine),
      route: (pool, request) => this.#route(pool, request),
      ended: (request) => this.#ended(request),
      again: (request, atMs) => {
        this.#inSystem--;
        this.#later(request, atMs);
      },
    });
  }

  get engines(): Engine[] {
    return this.#clock.engines;
  }

  /** The pool that answers for a role; null for prefill in aggregated mode. */
  pool(role: RoleName): Pool | null {
    return role === "prefill" ? this.prefillPool : this.decodePool;
  }

  /** All that happens at time 0. */
  begin(): void {
    for (const pool of [this.prefillPool, this.decodePool]) {
      if (pool === null) continue;
      for (let i = 0; i < pool.spec.workers; i++) pool.markReady(this.createWorker(pool, 0));
    }
    this.#loops.startTimes().forEach((startMs, loop) => {
      if (startMs > 0) this.#events.push(startMs, EventPriority.closedLoopStart, loop);
    });
    this.faults?.schedule();
    if (this.spec.planner) this.#events.push(this.spec.planner.intervalMs, this.#tickPriority, 0);
    this.#events.push(this.recorder.timeline.windowMs, EventPriority.sample, 0);
    this.#instant(0);
  }

  /** Goes on to the end of a timeline window. @returns false where the run is over */
  advance(): boolean {
    const endMs = this.spec.endMs ?? Number.POSITIVE_INFINITY;
    const minEndMs = this.spec.minEndMs ?? 0;
    const samples = this.#samples;
    while (!this.#isOver(minEndMs)) {
      if (this.#samples > samples) return true;
      const nextMs = Math.min(this.#clock.nextMs, this.#events.nextMs, this.#arrivals.nextMs, this.desk.nextMs);
      if (nextMs > endMs || nextMs === Number.POSITIVE_INFINITY) break;
      if (nextMs > minEndMs && this.#isOver(0)) {
        // What is left are ticks and samples: they don't make the run longer.
        this.nowMs = minEndMs;
        break;
      }
      this.#instant(nextMs);
    }
    if (this.#inSystem > 0 && !Number.isFinite(endMs)) refuseStuck(this.spec, this.outcomes.pages);
    if (Number.isFinite(endMs) && !this.#isOver(minEndMs)) this.nowMs = Math.max(this.nowMs, endMs);
    this.nowMs = Math.max(this.nowMs, minEndMs);
    return false;
  }

  /** The run is over, or given up here. */
  end(): void {
    this.#clock.settle(this.nowMs);
    for (const engine of this.engines) engine.stop(this.nowMs);
    this.recorder.close(this.nowMs, this.scaler.sample());
  }

  // ── workers ─────────────────────────────────────────────────────────────────────────────────────────────────────

  /** A worker that is ready after its start-up. */
  startWorker(pool: Pool): void {
    const readyMs = this.nowMs + (this.faults?.startupMs(pool) ?? pool.spec.startupMs);
    const worker = this.createWorker(pool, readyMs);
    this.faults?.startBegan(worker);
    this.scheduleReady(worker, readyMs);
  }

  createWorker(pool: Pool, readyMs: number): SimulatedWorker {
    const worker = pool.add(this.nowMs, readyMs);
    const ranks = Array.from({ length: pool.spec.dpSize }, (_, rank) => {
      const index = this.engines.length + rank;
      const place = { engine: index, pool, worker };
      const listener = this.#reservesFirst
        ? new ReservedFirstReports(this, this.#hands, place, this.#reservations)
        : new EngineReports(this, this.#hands, place);
      const engine = this.faults?.engine(pool, listener, worker, index) ?? pool.newEngine(pool.spec.engine, listener);
      if (this.spec.planner?.needsForwardPasses === true) engine.recordPasses();
      this.workerOf.push(worker);
      return engine;
    });
    worker.engines = this.#clock.add(ranks);
    return worker;
  }

  scheduleReady(worker: SimulatedWorker, readyMs: number): void {
    const code = worker.role === "prefill" ? -1 - worker.id : worker.id;
    this.#events.push(readyMs, EventPriority.workerReady, code);
  }

  /** Removes a draining worker whose last request has left. */
  removeIfDrained(worker: SimulatedWorker): void {
    if (worker.state !== "draining" || worker.outstanding > 0) return;
    if (!worker.engines.every((engine) => this.engines[engine]!.isEmpty())) return;
    this.pool(worker.role)!.remove(worker, this.nowMs);
    this.desk.workerRemoved(worker);
  }

  // ── time ────────────────────────────────────────────────────────────────────────────────────────────────────────

  #isOver(minEndMs: number): boolean {
    if (!this.#hasAllEnded) {
      return (
        this.#clock.nextMs === Number.POSITIVE_INFINITY &&
        this.#arrivals.nextMs === Number.POSITIVE_INFINITY &&
        // The next tick and the next sample, and no end of a fault, start of a worker or attempt of a client.
        this.#events.size <= (this.spec.planner ? 2 : 1) &&
        this.nowMs - this.#lastActivityMs > GIVE_UP_AFTER_MS
      );
    }
    return this.nowMs >= minEndMs && this.#loops.exhausted(this.nowMs);
  }

  /** Of the requests so far: closed loops may have more. */
  get #hasAllEnded(): boolean {
    return this.#inSystem === 0 && this.#pendingTurns === 0 && this.#arrivals.isOver;
  }

  #instant(nowMs: number): void {
    this.nowMs = nowMs;
    this.#passEndsAndEvents(nowMs);
    this.#sendWaiting();
    if (this.spec.quirks.passesBeforeArrivals && this.prefillPool !== null) this.#clock.startPasses(nowMs);
    if (this.#isGraph) this.#arriveInLine(nowMs);
    do {
      while (this.#isDue(nowMs)) {
        this.#handleNext(nowMs);
        if (this.#reservesFirst) this.#handOver();
      }
      while (this.#arrivals.nextMs <= nowMs) this.#dispatch(this.#arrivals.take(), nowMs);
      this.#refill();
      // A dispatch may end a pass at this very instant, and so bring about a transfer that is done at once, or let others begin.
    } while (this.#isDue(nowMs));
    while (this.#events.nextMs <= nowMs) this.#handleNext(nowMs);
    do this.#clock.startPasses(nowMs);
    while (this.#sendWaiting());
  }

  /** Of requests that wait for each other those that begin at one instant go in the order of the trace, as in DynoSim, whatever they waited for. */
  #arriveInLine(nowMs: number): void {
    while (this.#arrivals.nextMs <= nowMs) this.#later(this.#arrivals.take(), nowMs);
  }

  /** Whether there is an event that comes before the late ticks. */
  #isDue(nowMs: number): boolean {
    return this.#events.nextMs <= nowMs && this.#events.nextPriority < EventPriority.latePlannerTick;
  }

  #passEndsAndEvents(nowMs: number): void {
    for (;;) {
      if (this.#clock.nextMs <= nowMs) {
        this.#complete(this.#clock.nextEngine);
      } else if (this.#wantsHandOver) {
        this.#handOver();
      } else if (this.#events.nextMs <= nowMs && this.#events.nextPriority < EventPriority.turn) {
        this.#handleNext(nowMs);
      } else {
        return;
      }
    }
  }

  /** Once all passes of the instant have ended: the router knows who has left. */
  #handOver(): void {
    const pool = this.#reservesFirst ? this.prefillPool! : this.decodePool;
    while (this.#wantsHandOver) this.#deliver(pool, this.#handOvers[this.#handedOver++]!);
    this.#handOvers.length = 0;
    this.#handedOver = 0;
  }

  get #wantsHandOver(): boolean {
    return this.#handedOver < this.#handOvers.length;
  }

  #handleNext(nowMs: number): void {
    const priority = this.#events.nextPriority;
    const subject = this.#events.pop();
    switch (priority) {
      case EventPriority.fault:
        this.faults!.act(subject);
        break;
      case EventPriority.transferDone: {
        if (this.faults?.transferEnds(subject) === false) break;
        const engine = this.#decodeEngineOf[subject]!;
        this.#touch(engine, "command");
        this.#clock.command("activate", engine, subject, nowMs);
        break;
      }
      case EventPriority.turn:
        this.#pendingTurns--;
        this.#dispatch(subject, nowMs);
        break;
      case EventPriority.workerReady: {
        const pool = subject < 0 ? this.prefillPool! : this.decodePool;
        const worker = pool.workers[subject < 0 ? -1 - subject : subject]!;
        if (this.faults?.startFailed(worker)) break;
        pool.markReady(worker);
        // All that become ready at this instant share what waited for them.
        if (this.#events.nextMs > nowMs || this.#events.nextPriority !== priority) this.#sendWaiting();
        break;
      }
      case EventPriority.plannerTick:
      case EventPriority.latePlannerTick:
        // The last request has ended at this very instant: there is nothing left to plan for.
        if (nowMs > (this.spec.minEndMs ?? 0) && this.#hasAllEnded && this.#loops.exhausted(nowMs)) break;
        this.scaler.tick();
        this.#events.push(nowMs + this.spec.planner!.intervalMs, priority, 0);
        break;
      case EventPriority.sample:
        this.recorder.close(nowMs, this.scaler.sample());
        this.#samples++;
        this.spec.onProgress?.(nowMs, this.#done);
        this.#events.push(nowMs + this.recorder.timeline.windowMs, EventPriority.sample, 0);
    }
  }

  get #tickPriority(): number {
    const isLate = this.spec.quirks.ticksAfterArrivals === true && this.prefillPool === null;
    return isLate ? EventPriority.latePlannerTick : EventPriority.plannerTick;
  }

  #complete(engine: number): void {
    this.#lastActivityMs = this.nowMs;
    if (!this.#clock.complete(engine) || !this.#looksAtWorkers) return;
    const worker = this.workerOf[engine]!;
    for (const rank of worker.engines) this.desk.passEnded(rank, worker, this.nowMs);
    if (worker.state === "draining") this.removeIfDrained(worker);
    if (this.faults !== null) for (const rank of worker.engines) this.faults.passEnded(rank);
  }

  /** Whether the end of a pass may be more than its engine's business: with many workers, to look at each of them costs as much as the pass. */
  get #looksAtWorkers(): boolean {
    const draining = this.decodePool.draining + (this.prefillPool?.draining ?? 0);
    return draining > 0 || this.faults !== null || this.desk.followsCaches;
  }

  /** Makes an engine ready to take input now. */
  #touch(engine: number, input: "request" | "command"): void {
    const over = this.#clock.touch(engine, this.nowMs, input);
    if (over < 0) return;
    const isFirst = !this.#wantsHandOver; // else they follow in their turn
    this.#complete(over);
    if (isFirst) this.#handOver();
  }

  // ── requests ────────────────────────────────────────────────────────────────────────────────────────────────────

  #refill(): void {
    for (let head = this.#loops.next(this.nowMs); head >= 0; head = this.#loops.next(this.nowMs)) {
      if (this.#isGraph) this.#later(head, this.nowMs);
      else this.#dispatch(head, this.nowMs);
    }
  }

  #dispatch(request: number, nowMs: number): void {
    const { isl, osl: requestedOsl } = this.spec.workload;
    this.#lastActivityMs = nowMs;
    this.#inSystem++;
    if (this.outcomes.sent(request, nowMs)) this.#followUps.started(request, nowMs);
    this.faults?.sent(request);
    this.observer.arrived(isl[request]!);
    this.recorder.arrived();
    if (this.prefillPool !== null) {
      const { engine } = this.spec.decode;
      const osl = effectiveOsl(engine, isl[request]!, requestedOsl[request]!);
      const isRefusedThere = neverFits(this.prefillPool.spec.engine, isl[request]!, 1) !== null;
      const isRefusedHere = () => neverFits(engine, isl[request]!, osl) !== null;
      if (this.#reservesFirst ? isRefusedThere || isRefusedHere() : !isRefusedThere && isRefusedHere()) {
        this.#reject(request);
        return;
      }
    }
    this.#deliver(this.#reservesFirst ? this.decodePool : (this.prefillPool ?? this.decodePool), request);
    // Nobody is under way at this instant any more.
    if (this.#reservesFirst) this.#handOver();
  }

  #deliver(pool: Pool, request: number): void {
    if (this.faults === null) this.#route(pool, request);
    else this.faults.deliver(pool, request);
  }

  #route(pool: Pool, request: number): void {
    const worker = this.desk.route(pool, request, this.nowMs);
    if (worker === "refused") this.#reject(request);
    else if (worker !== null) this.#send(pool, request, worker);
  }

  /** Requests that waited in the router and may go now. @returns whether anybody went */
  #sendWaiting(): boolean {
    if (this.desk.waiting === 0) return false;
    let anybody = false;
    for (const pool of [this.prefillPool, this.decodePool]) {
      if (pool === null) continue;
      if (this.desk.sweep(pool, this.nowMs, (request, to) => this.#send(pool, request, to))) anybody = true;
    }
    return anybody;
  }

  #send(pool: Pool, request: number, worker: SimulatedWorker): void {
    const { nowMs } = this;
    const rank = worker.nextRank;
    const engine = worker.engines[rank]!;
    worker.nextRank = (rank + 1) % worker.engines.length;
    const { isl } = this.spec.workload;
    this.outcomes.routed(pool.role, request, worker.id, rank, worker.engines.length);
    const reservesHere = pool.role === "decode" && this.prefillPool !== null;
    const work = pool.role === "prefill" ? isl[request]! : reservesHere ? 1 : WAITING_WEIGHT;
    pool.addWork(worker, work);
    this.faults?.placed(request, worker, engine, reservesHere);
    this.#touch(engine, reservesHere ? "command" : "request");
    if (reservesHere) {
      this.#decodeEngineOf[request] = engine;
      this.#clock.command("reserve", engine, request, nowMs);
    } else if (this.engines[engine]!.submit(request, nowMs) !== null) {
      this.desk.ended(pool.role, request, nowMs);
      pool.addWork(worker, pool.role === "prefill" ? -isl[request]! : -WAITING_WEIGHT);
      this.#reject(request);
    } else if (pool.role === "prefill") {
      this.#prefillEngineOf[request] = engine;
    }
  }

  #reject(request: number): void {
    this.outcomes.rejected(request);
    this.#ended(request);
  }

  /** A request has left: its session goes on, or its closed loop has a free slot. */
  #ended(request: number): void {
    this.#inSystem--;
    this.#done++;
    this.faults?.ended(request);
    if (this.#followUps.ended(request, this.nowMs)) this.#loops.ended(request);
    this.outcomes.pages.ended(request);
  }

  #later(request: number, atMs: number): void {
    this.#pendingTurns++;
    // Turns of one instant go in the order of their sessions, as in DynoSim, whichever worker ended first.
    this.#events.push(atMs, EventPriority.turn, request, this.#isGraph ? request : this.#sessions?.[request]);
  }
}
