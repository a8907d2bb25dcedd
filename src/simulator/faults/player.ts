import type { Engine, EngineListener } from "#mocker/engine";
import type { Decision, Observation, Planner } from "#planner/core";
import { Clients, chance, Draw } from "#scenarios/workload";
import type { FaultRecord, RoleName } from "#src/record";
import type { Pool, SimulatedWorker } from "../pool.ts";
import type { Actions } from "./actions.ts";
import { DeadEngine } from "./dead-engine.ts";
import { EngineTroubles } from "./engine-troubles.ts";
import { FaultPlan, type TransferFault } from "./fault-plan.ts";
import { Network } from "./network.ts";
import { InFlight } from "./requests.ts";
import type { Stage } from "./stage.ts";
import { TouchedRequests } from "./touched.ts";

/** Messages of a request, told apart where their delays are drawn. */
const Message = { request: 0, decodeRequest: 1, answer: 2, transfer: 3 } as const;

/** Plays a scenario's faults, and its clients' impatience, on a simulation. */
export class FaultPlayer {
  readonly #stage: Stage;
  readonly #actions: Actions;
  readonly #plan: FaultPlan<SimulatedWorker>;
  readonly #touched: TouchedRequests;
  readonly #inFlight: InFlight;
  readonly #clients: Clients;
  readonly #troubles: EngineTroubles;
  readonly #network: Network;
  readonly #lossy = new Map<TransferFault, { record: FaultRecord; left: number }>();
  /** Answers that are late: by how much, and when what was sent last of one arrives. */
  readonly #answers = new Map<number, { delayMs: number; heardMs: number }>();

  constructor(stage: Stage, actions: Actions) {
    this.#stage = stage;
    this.#actions = actions;
    const { spec, prefillPool, decodePool } = stage.simulation;
    this.#plan = new FaultPlan(spec.faults ?? [], { prefill: prefillPool, decode: decodePool }, spec.newPlanner);
    this.#touched = new TouchedRequests(spec.workload.count);
    this.#inFlight = new InFlight(stage, this.#touched);
    this.#inFlight.onBroken = (request) => this.#attemptFailed(request, stage.simulation.nowMs);
    this.#clients = new Clients(spec.clients ?? null, spec.seed, spec.workload.count, {
      at: stage.at,
      waits: (request) => this.#inFlight.isIn(request),
      hasToken: (request) => stage.simulation.outcomes.hasFirstToken(request),
      giveUp: (request, atMs) => {
        this.#inFlight.leave(request);
        this.#attemptFailed(request, atMs);
      },
    });
    this.#troubles = new EngineTroubles(stage, this.#touched);
    this.#network = new Network(this.#touched, spec.seed);
  }

  /** What is noted of each fault, in the order in which they begin. */
  get records(): FaultRecord[] {
    return this.#plan.records;
  }

  /** Puts all faults on the clock. */
  schedule(): void {
    this.#plan.schedule({
      at: (atMs, act) => this.#stage.at(atMs, act),
      kill: (dying, record) => this.#kill(dying, record),
      setPace: (worker, factor, record) => {
        for (const request of this.#inFlight.on(worker)) this.#touched.add(record, request);
        return this.#troubles.begin(worker, factor, record);
      },
      loseTransfers: (fault, record) => {
        this.#lossy.set(fault, { record, left: fault.next ?? Number.POSITIVE_INFINITY });
        return () => this.#lossy.delete(fault);
      },
      delayNetwork: (fault, record) => {
        this.#network.begin(fault, record);
        return () => this.#network.end(fault);
      },
      replace: (role) => this.#stage.simulation.startWorker(this.#stage.simulation.pool(role)!),
    });
  }

  /** What one held does not go to another of them. */
  #kill(dying: readonly SimulatedWorker[], record: FaultRecord): void {
    const { simulation } = this.#stage;
    for (const worker of dying) {
      for (const index of worker.engines) {
        // A pass that would begin now does not any more.
        this.#stage.touch(index);
        const engine = simulation.engines[index]!;
        engine.stop(simulation.nowMs);
        simulation.engines[index] = new DeadEngine(engine);
        this.#stage.bury(index);
      }
      simulation.pool(worker.role)!.remove(worker, simulation.nowMs);
    }
    // One request may be on two of them.
    const lost = new Set(dying.flatMap((worker) => this.#inFlight.on(worker)));
    for (const request of [...lost].sort((a, b) => a - b)) this.#inFlight.lostWorker(request, record);
    for (const worker of dying) {
      for (const engine of worker.engines) this.#inFlight.passEnded(engine);
      simulation.desk.workerRemoved(worker);
    }
  }

  // ── what the simulation asks ────────────────────────────────────────────────────────────────────────────────────

  /** An event of the player's own is due. */
  act(action: number): void {
    this.#actions.run(action);
  }

  /** An engine with settings of its own, which may be changed, and a listener that knows what becomes of messages. */
  engine(pool: Pool, told: EngineListener, worker: SimulatedWorker, index: number): Engine {
    return pool.newEngine({ ...pool.spec.engine }, this.#listener(told, worker, index));
  }

  isFrozen(engine: number): boolean {
    return this.#troubles.isFrozen(engine);
  }

  passEnded(engine: number): void {
    this.#inFlight.passEnded(engine);
  }

  /** A client sends a request, for the first time or once more. */
  sent(request: number): void {
    this.#inFlight.sent(request);
    this.#answers.delete(request);
    const { outcomes, nowMs } = this.#stage.simulation;
    outcomes.forgetTokens(request);
    this.#clients.sent(request, nowMs);
  }

  /** What the client sent has come to nothing. */
  #attemptFailed(request: number, atMs: number): void {
    const { outcomes } = this.#stage.simulation;
    const againMs = this.#clients.failed(request, atMs);
    if (againMs === null) {
      outcomes.failed(request);
      this.#stage.ended(request);
      return;
    }
    outcomes.triedAgain(request);
    this.#stage.again(request, againMs);
  }

  deliver(pool: Pool, request: number): void {
    const message = pool.role === "decode" && this.#stage.simulation.prefillPool !== null ? "decodeRequest" : "request";
    this.#inFlight.deliver(pool, request, this.#delayMs(pool.role, request, message));
  }

  placed(request: number, worker: SimulatedWorker, engine: number, reserves: boolean): void {
    this.#inFlight.placed(request, engine, reserves);
    this.#troubles.placed(request, worker);
  }

  ended(request: number): void {
    this.#inFlight.ended(request);
  }

  /** @returns when a transfer that would end at `dueMs` does */
  transferBegins(request: number, dueMs: number): number {
    const endMs = dueMs + this.#delayMs("decode", request, "transfer");
    this.#inFlight.transferBegins(request, endMs);
    return endMs;
  }

  /** @returns whether the KV cache has arrived where it is wanted */
  transferEnds(request: number): boolean {
    if (!this.#inFlight.isTransferring(request)) return false;
    const { simulation } = this.#stage;
    for (const [fault, state] of this.#lossy) {
      const isLost =
        fault.probability === null
          ? state.left > 0
          : chance(simulation.spec.seed, Draw.transferLost, request, this.#attempt(request)) < fault.probability;
      if (!isLost) continue;
      if (--state.left === 0) {
        state.record.untilMs = simulation.nowMs;
        this.#lossy.delete(fault);
      }
      this.#inFlight.retry(request, state.record);
      return false;
    }
    this.#inFlight.arrived(request);
    return true;
  }

  startupMs(pool: Pool): number {
    return this.#plan.startUps.startupMs(pool);
  }

  startBegan(worker: SimulatedWorker): void {
    this.#plan.startUps.began(worker);
  }

  /** @returns whether a start that is over has failed; it is under way once more then */
  startFailed(worker: SimulatedWorker): boolean {
    if (worker.state !== "starting") return false;
    const { simulation } = this.#stage;
    if (!this.#plan.startUps.failed(worker, simulation.pool(worker.role)!, simulation.nowMs)) return false;
    simulation.scheduleReady(worker, worker.life.readyMs);
    return true;
  }

  /** What an engine tells, without what it tells of requests that have left, and with what becomes of it on the way. */
  #listener(told: EngineListener, worker: SimulatedWorker, engine: number): EngineListener {
    const inFlight = this.#inFlight;
    const { role } = worker;
    return {
      admitted: (request, atMs, reusedTokens, hostTokens) => told.admitted(request, atMs, reusedTokens, hostTokens),
      preempted: (request, atMs) => told.preempted(request, atMs),
      gap: (gapMs, weight) => told.gap(gapMs, weight),
      kvEvent: (event, atMs) => told.kvEvent(event, atMs),
      firstToken: (request, atMs) => {
        if (!inFlight.isOn(request, engine)) return;
        inFlight.firstToken(request);
        this.#answer(role, request, atMs, (heardMs) => told.firstToken(request, heardMs));
      },
      secondToken: (request, atMs) =>
        this.#laterToken(request, engine, atMs, (heardMs) => told.secondToken(request, heardMs)),
      firstOutputToken: (request, atMs) =>
        this.#laterToken(request, engine, atMs, (heardMs) => told.firstOutputToken?.(request, heardMs)),
      finished: (request, atMs, outputTokens) => {
        if (!inFlight.isOn(request, engine)) return;
        inFlight.finished(request);
        this.#answer(role, request, atMs, (heardMs) => {
          told.finished(request, heardMs, outputTokens);
          this.#answers.delete(request);
          this.#stage.simulation.removeIfDrained(worker);
        });
      },
      rejected: (request, atMs, reason) => {
        if (inFlight.isOn(request, engine)) told.rejected(request, atMs, reason);
      },
      held: (request, atMs) => {
        if (!inFlight.isOn(request, engine)) return;
        inFlight.held(request);
        told.held(request, atMs);
      },
      reserved: (request, atMs, missingTokens) => {
        if (inFlight.isOn(request, engine)) told.reserved(request, atMs, missingTokens);
      },
      activated: (request, atMs) => {
        if (!inFlight.isOn(request, engine)) return;
        inFlight.activated(request);
        told.activated(request, atMs);
      },
      released: (request, atMs) => {
        inFlight.released(request);
        told.released(request, atMs);
      },
    };
  }

  /** A token between them, which comes as late as the first; it may be told of only now. */
  #laterToken(request: number, engine: number, atMs: number, tell: (atMs: number) => void): void {
    if (!this.#inFlight.wasOn(request, engine, atMs)) return;
    const answer = this.#answers.get(request);
    if (answer === undefined) {
      tell(atMs);
      return;
    }
    const heardMs = Math.max(answer.heardMs, atMs + answer.delayMs);
    if (!this.#inFlight.wasOn(request, engine, heardMs)) return;
    answer.heardMs = heardMs;
    tell(heardMs);
  }

  /** The first or the last token is on its way to the client; the last one never comes before the ones before it. */
  #answer(role: RoleName, request: number, atMs: number, tell: (atMs: number) => void): void {
    const delayMs = this.#delayMs(role, request, "answer");
    const before = this.#answers.get(request);
    if (delayMs === 0 && before === undefined) {
      tell(atMs);
      return;
    }
    const heardMs = Math.max(atMs + delayMs, before?.heardMs ?? 0);
    // The second token comes as late as the first.
    this.#answers.set(request, { delayMs, heardMs });
    this.#stage.at(
      heardMs,
      this.#inFlight.guarded(request, () => tell(heardMs)),
    );
  }

  #delayMs(role: RoleName, request: number, message: keyof typeof Message): number {
    return this.#network.delayMs(role, request, this.#attempt(request), Message[message]);
  }

  #attempt(request: number): number {
    return this.#stage.simulation.outcomes.attempts(request);
  }

  // ── the planner ─────────────────────────────────────────────────────────────────────────────────────────────────

  /** @returns what the planner decides of what it can see; null where it is down */
  tick(planner: Planner, actual: Observation): Decision | null {
    return this.#plan.planner.tick(planner, actual);
  }

  get canScale(): boolean {
    return this.#plan.planner.canAct(this.#stage.simulation.nowMs);
  }
}
