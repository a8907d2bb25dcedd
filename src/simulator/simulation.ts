import {
  type Engine,
  type EngineListener,
  effectiveOsl,
  engineFactory,
  type IdlePrefill,
  neverFits,
  type RequestColumns,
  transferMs,
} from "#mocker/engine";
import { FollowUps } from "#scenarios";
import { GapSketch, RequestStatus, type RoleName, TimelineRecorder } from "#src/record";
import { ClosedLoops } from "./closed-loops.ts";
import { EventPriority, EventQueue } from "./event-queue.ts";
import { feasibleRequests } from "./feasible.ts";
import { idlePrefills } from "./idle-prefills.ts";
import { WindowObserver } from "./observer.ts";
import { Outcomes } from "./outcomes.ts";
import { Pool, type SimulatedWorker } from "./pool.ts";
import { requestColumns } from "./prompt-blocks.ts";
import { RoutingDesk, routedEngine } from "./routing-desk.ts";
import { Scaler } from "./scaler.ts";
import { timelineWindowMs } from "./timeline-window.ts";
import type { PoolSpec, SimulationSpec } from "./types.ts";
import { WakeHeap } from "./wake-heap.ts";

/** Virtual hours without any activity but planner ticks after which a run is given up. */
const GIVE_UP_AFTER_MS = 3_600_000;

/**
 * An aggregated worker's request counts this much while its prompt waits, and 1 while it decodes: vLLM's data-parallel load
 * balancer scores engines by 4 × waiting + running. By requests alone a new worker would draw every prompt for a while.
 */
const WAITING_WEIGHT = 4;

/**
 * The deployment and its traffic on the virtual clock. All events of one instant are handled before new passes begin:
 * pass ends, transfers, workers that become ready, planner ticks, arrivals, closed-loop refills; then idle engines start.
 */
export class Simulation {
  readonly spec: SimulationSpec;
  readonly engines: Engine[] = [];
  readonly prefillPool: Pool | null;
  readonly decodePool: Pool;
  readonly outcomes: Outcomes;
  readonly observer: WindowObserver;
  readonly recorder: TimelineRecorder;
  readonly gaps = new GapSketch();
  readonly perUser = new GapSketch();
  readonly profiledPrefill: IdlePrefill;
  readonly feasible: Uint8Array;
  readonly #scaler: Scaler;
  readonly #engineWorker: SimulatedWorker[] = [];
  readonly #columns = new Map<number, RequestColumns>();
  readonly #events = new EventQueue();
  readonly #wakes = new WakeHeap(64);
  readonly desk: RoutingDesk;
  readonly #loops: ClosedLoops;
  readonly #followUps: FollowUps;
  /** Engines that may begin a pass at this instant. */
  #dirty: number[] = [];
  #isDirty = new Uint8Array(64);
  /** Engines that a request is on, by pool; empty in aggregated runs. */
  readonly #prefillEngineOf: Int32Array;
  readonly #decodeEngineOf: Int32Array;
  #arrivalCursor = 0;
  #inSystem = 0;
  #pendingTurns = 0;
  #done = 0;
  #lastActivityMs = 0;
  nowMs = 0;

  constructor(spec: SimulationSpec) {
    this.spec = spec;
    const pool = (role: RoleName, poolSpec: PoolSpec) => {
      const routed = { ...poolSpec, engine: routedEngine(spec, poolSpec) };
      return new Pool(role, routed, engineFactory(spec.engine, this.#columnsFor(poolSpec)));
    };
    this.desk = new RoutingDesk(spec, (poolSpec) => this.#columnsFor(poolSpec));
    this.prefillPool = spec.prefill === null ? null : pool("prefill", spec.prefill);
    this.decodePool = pool("decode", spec.decode);
    const between = spec.prefill === null ? 0 : spec.workload.count;
    this.#prefillEngineOf = new Int32Array(between);
    this.#decodeEngineOf = new Int32Array(between);
    this.outcomes = new Outcomes(spec.workload, spec.prefill !== null, spec.capture === true);
    const { actual, profiled } = idlePrefills(spec);
    this.profiledPrefill = profiled;
    this.feasible = feasibleRequests(spec, spec.workload, actual);
    this.observer = new WindowObserver(spec.sla, this.feasible);
    this.recorder = new TimelineRecorder(timelineWindowMs(spec));
    this.#loops = new ClosedLoops(spec.workload);
    this.#followUps = new FollowUps(spec.workload, (request, atMs) => {
      this.#pendingTurns++;
      this.#events.push(atMs, EventPriority.turn, request);
    });
    this.#scaler = new Scaler(this);
  }

  get scaler(): Scaler {
    return this.#scaler;
  }

  /** The pool that answers for a role; null for prefill in aggregated mode. */
  pool(role: RoleName): Pool | null {
    return role === "prefill" ? this.prefillPool : this.decodePool;
  }

  run(): void {
    for (const pool of [this.prefillPool, this.decodePool]) {
      if (pool === null) continue;
      for (let i = 0; i < pool.spec.workers; i++) pool.markReady(this.createWorker(pool, 0));
    }
    this.#loops.startTimes().forEach((startMs, loop) => {
      if (startMs > 0) this.#events.push(startMs, EventPriority.closedLoopStart, loop);
    });
    if (this.spec.planner) this.#events.push(this.spec.planner.intervalMs, EventPriority.plannerTick, 0);
    this.#events.push(this.recorder.timeline.windowMs, EventPriority.sample, 0);
    this.#instant(0);
    const endMs = this.spec.endMs ?? Number.POSITIVE_INFINITY;
    const minEndMs = this.spec.minEndMs ?? 0;
    while (!this.#isOver(minEndMs)) {
      const nextMs = Math.min(this.#wakes.nextMs, this.#events.nextMs, this.#nextArrivalMs());
      if (nextMs > endMs || nextMs === Number.POSITIVE_INFINITY) break;
      if (nextMs > minEndMs && this.#isOver(0)) {
        // What is left are ticks and samples: they don't make the run longer.
        this.nowMs = minEndMs;
        break;
      }
      this.#instant(nextMs);
    }
    if (Number.isFinite(endMs) && !this.#isOver(minEndMs)) this.nowMs = Math.max(this.nowMs, endMs);
    this.nowMs = Math.max(this.nowMs, minEndMs);
    for (const engine of this.engines) engine.stop(this.nowMs);
    this.recorder.close(this.nowMs, this.#scaler.sample());
  }

  // ── workers ─────────────────────────────────────────────────────────────────────────────────────────────────────

  createWorker(pool: Pool, readyMs: number): SimulatedWorker {
    const engines: number[] = [];
    const worker = pool.add(engines, this.nowMs, readyMs);
    for (let rank = 0; rank < pool.spec.dpSize; rank++) {
      const index = this.engines.length;
      const listener = this.#listener(index, pool, worker);
      const engine = pool.newEngine(pool.spec.engine, listener);
      if (this.spec.planner?.needsForwardPasses === true) engine.recordPasses();
      this.engines.push(engine);
      this.#engineWorker.push(worker);
      engines.push(index);
    }
    if (this.engines.length > this.#isDirty.length) {
      const larger = new Uint8Array(this.engines.length * 2);
      larger.set(this.#isDirty);
      this.#isDirty = larger;
    }
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
    this.desk.workerRemoved(worker.role, worker.id);
  }

  #columnsFor(spec: PoolSpec): RequestColumns {
    const { blockSize } = spec.engine;
    let columns = this.#columns.get(blockSize);
    if (columns === undefined) {
      columns = requestColumns(this.spec.workload, blockSize);
      this.#columns.set(blockSize, columns);
    }
    return columns;
  }

  // ── time ────────────────────────────────────────────────────────────────────────────────────────────────────────

  #isOver(minEndMs: number): boolean {
    if (this.#inSystem > 0 || this.#pendingTurns > 0 || this.#arrivalCursor < this.spec.workload.openHeads.length) {
      return (
        this.#wakes.nextMs === Number.POSITIVE_INFINITY &&
        this.#nextArrivalMs() === Number.POSITIVE_INFINITY &&
        this.nowMs - this.#lastActivityMs > GIVE_UP_AFTER_MS
      );
    }
    return this.nowMs >= minEndMs && this.#loops.exhausted(this.nowMs);
  }

  #nextArrivalMs(): number {
    const { openHeads, arrivalMs } = this.spec.workload;
    if (this.#arrivalCursor >= openHeads.length) return Number.POSITIVE_INFINITY;
    return arrivalMs[openHeads[this.#arrivalCursor]!]!;
  }

  #instant(nowMs: number): void {
    this.nowMs = nowMs;
    this.#passEndsAndEvents(nowMs);
    this.#sendWaiting();
    const passesFirst = this.spec.quirks.passesBeforeArrivals && this.prefillPool !== null;
    if (passesFirst) this.#startPasses();
    while (this.#events.nextMs <= nowMs) {
      // A dispatch may end a pass at this very instant, and so bring about a transfer that is done at once.
      const event = this.#events.pop();
      if (event.priority !== EventPriority.turn) {
        this.#handle(event, nowMs);
        continue;
      }
      this.#pendingTurns--;
      this.#dispatch(event.subject, nowMs);
    }
    while (this.#nextArrivalMs() <= nowMs) {
      this.#dispatch(this.spec.workload.openHeads[this.#arrivalCursor++]!, nowMs);
    }
    this.#refill();
    do this.#startPasses();
    while (this.#sendWaiting());
  }

  #passEndsAndEvents(nowMs: number): void {
    for (;;) {
      if (this.#wakes.nextMs <= nowMs) {
        this.#complete(this.#wakes.nextEngine);
      } else if (this.#events.nextMs <= nowMs && this.#events.nextPriority < EventPriority.turn) {
        this.#handle(this.#events.pop(), nowMs);
      } else {
        return;
      }
    }
  }

  #handle(event: { priority: number; subject: number }, nowMs: number): void {
    switch (event.priority) {
      case EventPriority.transferDone: {
        const engine = this.#engineHolding(event.subject);
        this.#touch(engine, "command", false);
        this.engines[engine]!.activate(event.subject, nowMs);
        break;
      }
      case EventPriority.workerReady: {
        const pool = event.subject < 0 ? this.prefillPool! : this.decodePool;
        pool.markReady(pool.workers[event.subject < 0 ? -1 - event.subject : event.subject]!);
        this.#sendWaiting();
        break;
      }
      case EventPriority.plannerTick:
        this.#scaler.tick();
        this.#events.push(nowMs + this.spec.planner!.intervalMs, EventPriority.plannerTick, 0);
        break;
      case EventPriority.sample:
        this.recorder.close(nowMs, this.#scaler.sample());
        this.spec.onProgress?.(nowMs, this.#done);
        this.#events.push(nowMs + this.recorder.timeline.windowMs, EventPriority.sample, 0);
        break;
      default:
        break;
    }
  }

  #complete(engine: number): void {
    this.#wakes.remove(engine);
    this.#lastActivityMs = this.nowMs;
    this.engines[engine]!.complete();
    this.#markDirty(engine);
    const worker = this.#engineWorker[engine]!;
    this.desk.passEnded(engine, worker);
    if (worker.state === "draining") this.removeIfDrained(worker);
  }

  #startPasses(): void {
    const dirty = this.#dirty;
    this.#dirty = [];
    for (const index of dirty) {
      this.#isDirty[index] = 0;
      const engine = this.engines[index]!;
      if (engine.busy || !engine.hasWork()) continue;
      const wakeMs = engine.start(this.nowMs);
      if (!Number.isNaN(wakeMs)) this.#wakes.set(index, wakeMs);
    }
  }

  #markDirty(engine: number): void {
    if (this.#isDirty[engine] === 1) return;
    this.#isDirty[engine] = 1;
    this.#dirty.push(engine);
  }

  /** Makes an engine ready to take input now. */
  #touch(engine: number, input: "request" | "command", passesBeginFirst: boolean): void {
    if (this.engines[engine]!.busy) {
      const wakeMs = this.engines[engine]!.interrupt(this.nowMs, input, passesBeginFirst);
      if (wakeMs <= this.nowMs) this.#complete(engine);
      else this.#wakes.set(engine, wakeMs);
    }
    this.#markDirty(engine);
  }

  // ── requests ────────────────────────────────────────────────────────────────────────────────────────────────────

  #refill(): void {
    for (let head = this.#loops.next(this.nowMs); head >= 0; head = this.#loops.next(this.nowMs)) {
      this.#dispatch(head, this.nowMs);
    }
  }

  #dispatch(request: number, nowMs: number): void {
    const { table } = this.outcomes;
    this.#lastActivityMs = nowMs;
    this.#inSystem++;
    this.#followUps.started(request, nowMs);
    table.arrivalMs[request] = nowMs;
    this.observer.arrived(table.isl[request]!);
    this.recorder.arrived();
    const { decode } = this.spec;
    if (this.prefillPool !== null) {
      const osl = effectiveOsl(decode.engine, table.isl[request]!, table.requestedOsl[request]!);
      if (neverFits(decode.engine, table.isl[request]!, osl) !== null) {
        this.#reject(request);
        return;
      }
    }
    this.#route(this.prefillPool ?? this.decodePool, request);
  }

  #route(pool: Pool, request: number): void {
    const worker = this.desk.route(pool, request, this.nowMs);
    if (worker !== null) this.#send(pool, request, worker);
  }

  /** Requests that waited in the router and may go now. @returns whether anybody went */
  #sendWaiting(): boolean {
    if (this.desk.waiting === 0) return false;
    let anybody = false;
    for (const pool of [this.prefillPool, this.decodePool]) {
      if (pool === null) continue;
      const sent = this.desk.sweep(pool, this.nowMs, (request, worker) => this.#send(pool, request, worker));
      anybody ||= sent;
    }
    return anybody;
  }

  #send(pool: Pool, request: number, worker: SimulatedWorker): void {
    const engine = worker.engines[worker.nextRank]!;
    worker.nextRank = (worker.nextRank + 1) % worker.engines.length;
    const { table } = this.outcomes;
    const reservesHere = pool.role === "decode" && this.prefillPool !== null;
    if (pool.role === "prefill") {
      table.prefillWorker[request] = worker.id;
      pool.addWork(worker, table.isl[request]!);
    } else {
      table.decodeWorker[request] = worker.id;
      pool.addWork(worker, reservesHere ? 1 : WAITING_WEIGHT);
    }
    this.#touch(engine, reservesHere ? "command" : "request", !reservesHere && this.#passesFirst());
    if (reservesHere) {
      this.#decodeEngineOf[request] = engine;
      this.engines[engine]!.reserve(request, this.nowMs);
    } else if (this.engines[engine]!.submit(request, this.nowMs) !== null) {
      this.desk.ended(pool.role, request, this.nowMs);
      pool.addWork(worker, pool.role === "prefill" ? -table.isl[request]! : -WAITING_WEIGHT);
      this.#reject(request);
    } else if (pool.role === "prefill") {
      this.#prefillEngineOf[request] = engine;
    }
  }

  #passesFirst(): boolean {
    return this.spec.quirks.passesBeforeArrivals && this.prefillPool !== null;
  }

  #engineHolding(request: number): number {
    return this.#decodeEngineOf[request]!;
  }

  #reject(request: number): void {
    this.outcomes.table.status[request] = RequestStatus.rejected;
    this.outcomes.table.outputTokens[request] = 0;
    this.#ended(request);
  }

  /** A request has left: its session goes on, or its closed loop has a free slot. */
  #ended(request: number): void {
    this.#inSystem--;
    this.#done++;
    if (this.#followUps.ended(request, this.nowMs)) this.#loops.ended(request);
  }

  // ── what engines tell ───────────────────────────────────────────────────────────────────────────────────────────

  #listener(engine: number, pool: Pool, worker: SimulatedWorker): EngineListener {
    const { outcomes, observer, gaps, perUser, spec, desk } = this;
    const { table } = outcomes;
    const aggregated = this.prefillPool === null;
    const poolName = aggregated ? "agg" : pool.role;
    return {
      admitted: (request, atMs, reusedTokens) => outcomes.admitted(poolName, request, atMs, reusedTokens),
      firstToken: (request, atMs) => {
        table.firstTokenMs[request] = atMs;
        observer.firstToken(request, atMs - table.arrivalMs[request]!);
        if (!aggregated) return;
        pool.addWork(worker, 1 - WAITING_WEIGHT);
        desk.prefilled(pool.role, request);
        observer.prefilled(this.profiledPrefill.ms(table.isl[request]!, table.cachedTokens[request]!));
      },
      secondToken: (request, atMs) => {
        table.secondTokenMs[request] = atMs;
      },
      finished: (request, atMs, outputTokens) => {
        pool.addWork(worker, -1);
        desk.ended(pool.role, request, atMs);
        outcomes.finished(request, atMs, outputTokens);
        observer.finished(request, table, outputTokens);
        this.#ended(request);
      },
      preempted: (request) => {
        table.preemptions[request]!++;
      },
      rejected: (request) => {
        desk.ended(pool.role, request, this.nowMs);
        const waits = aggregated && Number.isNaN(table.firstTokenMs[request]!);
        pool.addWork(worker, pool.role === "prefill" ? -table.isl[request]! : waits ? -WAITING_WEIGHT : -1);
        this.#reject(request);
      },
      gap: (gapMs, weight) => {
        gaps.add(gapMs, weight);
        perUser.add(1000 / gapMs, weight);
      },
      held: (request, atMs) => {
        pool.addWork(worker, -table.isl[request]!);
        desk.ended(pool.role, request, atMs);
        observer.prefilled(this.profiledPrefill.ms(table.isl[request]!, table.cachedTokens[request]!));
        outcomes.transfer("sourceHeldMs", request, atMs);
        this.#route(this.decodePool, request);
      },
      reserved: (request, atMs, missingTokens) => {
        outcomes.transfer("destinationReservedMs", request, atMs);
        const tokens = spec.transfer?.timing === "destination_missing" ? missingTokens : table.isl[request]!;
        this.#events.push(atMs + transferMs(spec.transfer, tokens), EventPriority.transferDone, request);
      },
      activated: (request, atMs) => {
        outcomes.transfer("destinationActivatedMs", request, atMs);
        const source = this.#prefillEngineOf[request]!;
        this.#touch(source, "command", false);
        this.engines[source]!.release(request, atMs);
      },
      released: (request, atMs) => {
        outcomes.transfer("sourceReleasedMs", request, atMs);
        this.removeIfDrained(worker);
      },
      kvEvent: (event, atMs) => {
        spec.onKvEvent?.(engine, event, atMs);
        desk.noteCacheChange(engine, event);
      },
    };
  }
}
