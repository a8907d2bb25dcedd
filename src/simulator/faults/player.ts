import type { Engine, EngineListener } from "#mocker/engine";
import type { Decision, Observation, Planner } from "#planner/core";
import { Clients, chance, Draw, type Fault, faultEndMs, roleOf, type WorkerName } from "#scenarios";
import type { FaultRecord, RoleName } from "#src/record";
import type { Pool, SimulatedWorker } from "../pool.ts";
import type { Actions } from "./actions.ts";
import { DeadEngine } from "./dead-engine.ts";
import { EngineTroubles } from "./engine-troubles.ts";
import { Network } from "./network.ts";
import { workersOnNode } from "./node-places.ts";
import { PlannerFaults } from "./planner-faults.ts";
import { faultRecord } from "./records.ts";
import { InFlight } from "./requests.ts";
import type { Stage } from "./stage.ts";
import { StartUps } from "./start-ups.ts";

/** Messages of a request, told apart where their delays are drawn. */
const Message = { request: 0, decodeRequest: 1, answer: 2, transfer: 3 } as const;

type TransferFault = Extract<Fault, { kind: "loseTransfers" }>;

/** Plays a scenario's faults, and its clients' impatience, on a simulation. */
export class FaultPlayer {
  readonly records: FaultRecord[];
  readonly #stage: Stage;
  readonly #actions: Actions;
  readonly #faults: readonly Fault[];
  readonly #inFlight: InFlight;
  readonly #clients: Clients;
  readonly #troubles: EngineTroubles;
  readonly #network: Network;
  readonly #startUps = new StartUps();
  readonly #planner: PlannerFaults;
  readonly #lossy = new Map<TransferFault, { record: FaultRecord; left: number }>();
  /** Nodes that were lost and when, by GPUs of a node. */
  readonly #lostNodes = new Map<number, Map<number, number>>();
  /** Workers that died while nobody could replace them. */
  readonly #missing: Record<RoleName, number> = { prefill: 0, decode: 0 };
  /** Answers that are late: by how much, and when what was sent last of one arrives. */
  readonly #answers = new Map<number, { delayMs: number; heardMs: number }>();

  constructor(stage: Stage, actions: Actions) {
    this.#stage = stage;
    this.#actions = actions;
    const { spec } = stage.simulation;
    this.#faults = [...(spec.faults ?? [])].sort((a, b) => a.atMs - b.atMs);
    this.records = this.#faults.map(faultRecord);
    this.#inFlight = new InFlight(stage);
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
    this.#troubles = new EngineTroubles(stage);
    this.#network = new Network(spec.seed);
    this.#planner = new PlannerFaults(this.#faults, this.records, spec.newPlanner);
  }

  /** Puts all faults on the clock. */
  schedule(): void {
    this.#faults.forEach((fault, i) => {
      this.#stage.at(fault.atMs, () => this.#begin(fault, this.records[i]!));
    });
  }

  // ── what goes wrong ─────────────────────────────────────────────────────────────────────────────────────────────

  #begin(fault: Fault, record: FaultRecord): void {
    const untilMs = faultEndMs(fault);
    const end = this.#strike(fault, record);
    if (end !== null && untilMs !== null) this.#stage.at(untilMs, end);
  }

  /** @returns how it ends, where that takes something */
  #strike(fault: Fault, record: FaultRecord): (() => void) | null {
    switch (fault.kind) {
      case "kill":
        this.#kill([this.#find(fault.worker)], record);
        return null;
      case "loseNode":
        this.#kill(
          fault.workers === null
            ? this.#onNode(fault.gpusPerNode, fault.node, fault.atMs)
            : fault.workers.map((name) => this.#find(name)),
          record,
        );
        return null;
      case "freeze":
        return this.#trouble(fault.worker, Number.POSITIVE_INFINITY, record);
      case "slow":
        return this.#trouble(fault.worker, fault.factor, record);
      case "failStartup":
      case "delayStartup":
        this.#startUps.begin(fault, record);
        return () => this.#startUps.end(fault);
      case "loseTransfers":
        this.#lossy.set(fault, { record, left: fault.next ?? Number.POSITIVE_INFINITY });
        return () => this.#lossy.delete(fault);
      case "delayNetwork":
        this.#network.begin(fault, record);
        return () => this.#network.end(fault);
      case "loseApiServer":
        return () => this.#replaceMissing();
      default:
        return null;
    }
  }

  #find({ pool, index }: WorkerName): SimulatedWorker | undefined {
    return this.#stage.simulation.pool(roleOf(pool))?.workers[index];
  }

  #onNode(gpusPerNode: number, node: number, atMs: number): SimulatedWorker[] {
    const { prefillPool, decodePool, spec } = this.#stage.simulation;
    const workers = [...(prefillPool?.workers ?? []), ...decodePool.workers];
    const lost = this.#lostNodes.get(gpusPerNode) ?? new Map<number, number>();
    const gpusOf = ({ role }: { role: RoleName }) => (role === "prefill" ? spec.prefill! : spec.decode).gpusPerWorker;
    const lives = workers.map(({ life }) => life);
    const there = workersOnNode(lives, gpusOf, gpusPerNode, node, atMs, lost).map((place) => workers[place]!);
    this.#lostNodes.set(gpusPerNode, lost.set(node, Math.min(atMs, lost.get(node) ?? atMs)));
    return there;
  }

  /** They die in one instant: what one held does not go to another of them. */
  #kill(named: readonly (SimulatedWorker | undefined)[], record: FaultRecord): void {
    const { simulation } = this.#stage;
    const dying = [...new Set(named)].filter(
      (worker) => worker !== undefined && worker.state !== "removed",
    ) as SimulatedWorker[];
    record.workers += dying.length;
    const replaced: Pool[] = [];
    for (const worker of dying) {
      if (worker.state !== "draining") replaced.push(simulation.pool(worker.role)!);
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
      simulation.desk.workerRemoved(worker.role, worker.id);
    }
    for (const pool of replaced) {
      if (this.#planner.canAct(simulation.nowMs)) simulation.startWorker(pool);
      else this.#missing[pool.role]++;
    }
  }

  #trouble(name: WorkerName, factor: number, record: FaultRecord): (() => void) | null {
    const worker = this.#find(name);
    if (worker === undefined || worker.state === "removed") return null;
    record.workers++;
    record.requests += this.#inFlight.on(worker).length;
    return this.#troubles.begin(worker, factor, record);
  }

  #replaceMissing(): void {
    const { simulation } = this.#stage;
    if (!this.#planner.canAct(simulation.nowMs)) return;
    for (const role of ["prefill", "decode"] as const) {
      for (; this.#missing[role] > 0; this.#missing[role]--) simulation.startWorker(simulation.pool(role)!);
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
    this.#troubles.placed(worker);
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
      state.record.requests++;
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
    return this.#startUps.startupMs(pool);
  }

  startBegan(worker: SimulatedWorker): void {
    this.#startUps.began(worker);
  }

  /** @returns whether a start that is over has failed; it is under way once more then */
  startFailed(worker: SimulatedWorker): boolean {
    if (worker.state !== "starting") return false;
    const { simulation } = this.#stage;
    if (!this.#startUps.failed(worker, simulation.pool(worker.role)!, simulation.nowMs)) return false;
    simulation.scheduleReady(worker, worker.life.readyMs);
    return true;
  }

  /** What an engine tells, without what it tells of requests that have left, and with what becomes of it on the way. */
  #listener(told: EngineListener, worker: SimulatedWorker, engine: number): EngineListener {
    const inFlight = this.#inFlight;
    const { role } = worker;
    return {
      ...told,
      firstToken: (request, atMs) => {
        if (!inFlight.isOn(request, engine)) return;
        inFlight.firstToken(request);
        this.#answer(role, request, atMs, (heardMs) => told.firstToken(request, heardMs));
      },
      secondToken: (request, atMs) => {
        if (!inFlight.wasOn(request, engine, atMs)) return;
        const answer = this.#answers.get(request);
        if (answer === undefined) {
          told.secondToken(request, atMs);
          return;
        }
        const heardMs = Math.max(answer.heardMs, atMs + answer.delayMs);
        if (!inFlight.wasOn(request, engine, heardMs)) return;
        answer.heardMs = heardMs;
        told.secondToken(request, heardMs);
      },
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
    return this.#planner.tick(planner, actual);
  }

  get canScale(): boolean {
    return this.#planner.canAct(this.#stage.simulation.nowMs);
  }
}
