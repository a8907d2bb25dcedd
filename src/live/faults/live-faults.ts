import type { TimerQueue } from "#common";
import type { Planner } from "#planner/core";
import { type Fault, faultEndMs, roleOf } from "#scenarios";
import type { FaultRecord } from "#src/record";
import { type FaultHands, FaultPlan, type PlannerFaults } from "#src/simulator";
import type { Census } from "../child/protocol.ts";
import type { LiveDeployment } from "../deployment.ts";
import type { KeptLoad } from "../load-keeper.ts";
import type { LivePool, LiveWorker } from "../pool.ts";
import { transferEffects } from "./lost-transfers.ts";
import { requestsUnderWay } from "./under-way.ts";

/** Ends of starts come before faults, and these before ticks of the same instant, as in the simulator. */
const START_ORDER = -3;
const FAULT_ORDER = -2;

export interface LiveFaultsOptions {
  faults: readonly Fault[];
  deployment: LiveDeployment;
  timers: TimerQueue;
  /** The planner in its first state once more. */
  newPlanner: () => Planner;
}

interface Pace {
  /** Passes take so many times as long; Infinity: none begins. */
  factor: number;
  /** Requests that had left the worker before; null: not known yet. */
  left: number | null;
  over: boolean;
}

/** Plays a scenario's faults on the processes of a live run. Books are kept by the instants of the scenario. */
export class LiveFaults {
  readonly #plan: FaultPlan<LiveWorker>;
  readonly #deployment: LiveDeployment;
  readonly #timers: TimerQueue;
  /** What makes passes of a worker take longer. */
  readonly #paces = new Map<LiveWorker, Map<FaultRecord, Pace>>();
  #endMs = Number.POSITIVE_INFINITY;
  #fail: (error: unknown) => void = () => {};
  #under = new Set<Promise<void>>();

  constructor({ faults, deployment, timers, newPlanner }: LiveFaultsOptions) {
    this.#plan = new FaultPlan(faults, deployment.pools, newPlanner);
    this.#deployment = deployment;
    this.#timers = timers;
  }

  /** What is noted of each fault, in the order in which they begin. */
  get records(): readonly FaultRecord[] {
    return this.#plan.records;
  }

  get planner(): PlannerFaults {
    return this.#plan.planner;
  }

  /** @param fail told what goes wrong that should not */
  begin(fail: (error: unknown) => void): void {
    this.#fail = fail;
    this.#plan.schedule(this.#hands());
  }

  /** What is due by `endMs` happens, the rest doesn't; resolves when it has begun. */
  async end(endMs: number): Promise<void> {
    this.#endMs = endMs;
    await new Promise<void>((resolve) => this.#timers.at(endMs, () => resolve()));
  }

  /** Resolves when what began has been done, and noted. */
  async settled(load: Pick<KeptLoad, "requests" | "details" | "blocks">): Promise<void> {
    for (const worker of this.#paces.keys()) this.#pace(worker);
    await Promise.all(this.#under);
    await this.#noteLostTransfers();
    this.#plan.faults.forEach((fault, i) => {
      if (fault.kind !== "delayNetwork") return;
      const role = fault.pool === "all" ? null : roleOf(fault.pool);
      const toMs = faultEndMs(fault) ?? Number.POSITIVE_INFINITY;
      this.records[i]!.requests = requestsUnderWay(load, role, fault.atMs, toMs);
    });
  }

  /** One more worker of a pool in the books, whose start begins now; `create` plays it. */
  start(pool: LivePool, nowMs: number): LiveWorker {
    const worker = pool.add(nowMs, nowMs + this.#plan.startUps.startupMs(pool));
    this.#plan.startUps.began(worker);
    return worker;
  }

  /** Lets the worker's starts fail at their ends, one after the other; it has a process from the one on that does not. */
  create(worker: LiveWorker): void {
    if (!this.#plan.startUps.willFail(worker)) {
      void this.#deployment.create(worker, this.#timers.clock.toUnixMs(worker.life.readyMs));
      return;
    }
    const ended = (atMs: number) => {
      if (worker.state !== "starting") return;
      this.#plan.startUps.failed(worker, this.#deployment.pools[worker.role]!, atMs);
      this.create(worker);
    };
    this.#at(worker.life.readyMs, ended, START_ORDER);
  }

  #at(atMs: number, act: (atMs: number) => void, order: number): void {
    this.#timers.at(atMs, () => atMs <= this.#endMs && act(atMs), order);
  }

  #hands(): FaultHands<LiveWorker> {
    const deployment = this.#deployment;
    return {
      at: (atMs, act) => this.#at(atMs, act, FAULT_ORDER),
      kill: (dying, record) => {
        for (const worker of dying) this.#kill(worker, record);
      },
      setPace: (worker, factor, record) => this.#setPace(worker, factor, record),
      loseTransfers: ({ next, probability }, record) => {
        const index = this.records.indexOf(record);
        this.#do(deployment.loseTransfers(index, { next, probability }));
        return () => this.#do(deployment.loseTransfers(index, null));
      },
      delayNetwork: ({ pool, byMs, jitterMs }) => {
        const role = pool === "all" ? null : roleOf(pool);
        const change = (sign: 1 | -1) =>
          this.#do(deployment.delayNetwork(role, { byMs: sign * byMs, jitterMs: sign * jitterMs }));
        change(1);
        return () => change(-1);
      },
      replace: (role) => this.create(this.start(deployment.pools[role]!, this.#timers.nowMs())),
    };
  }

  #kill(worker: LiveWorker, record: FaultRecord): void {
    this.#deployment.pools[worker.role]!.remove(worker, record.atMs);
    this.#do(
      this.#deployment.kill(worker).then((census) => {
        const { withToken, withoutToken } = census;
        this.#notePaces(worker, census);
        record.requests += withToken + withoutToken;
        record.failed += withToken;
        record.retried += withoutToken;
      }),
    );
  }

  #setPace(worker: LiveWorker, factor: number, record: FaultRecord): () => void {
    const paces = this.#paces.get(worker) ?? new Map<FaultRecord, Pace>();
    this.#paces.set(worker, paces);
    const pace: Pace = { factor, left: null, over: false };
    paces.set(record, pace);
    this.#pace(worker);
    return () => {
      pace.over = true;
      this.#pace(worker);
    };
  }

  /** Tells the worker how long its passes take, and notes what came to it. */
  #pace(worker: LiveWorker): void {
    if (worker.state === "removed") return;
    let all = 1;
    for (const { factor, over } of this.#paces.get(worker)!.values()) if (!over) all *= factor;
    this.#do(this.#deployment.setPace(worker, all).then((census) => this.#notePaces(worker, census)));
  }

  /** Whom faults touch that make a worker slow: those that it has as they begin, and all that come to it until they end. */
  #notePaces(worker: LiveWorker, { withToken, withoutToken, taken }: Census): void {
    const paces = this.#paces.get(worker);
    for (const [record, pace] of paces ?? []) {
      pace.left ??= taken - withToken - withoutToken;
      record.requests = Math.max(record.requests, taken - pace.left);
      if (pace.over) paces!.delete(record);
    }
  }

  /** The last of the next ones to be lost ends its fault. */
  async #noteLostTransfers(): Promise<void> {
    const lossy = this.#plan.faults.flatMap((fault, index) =>
      fault.kind === "loseTransfers" ? [{ fault, index }] : [],
    );
    if (lossy.length === 0) return;
    const all = await this.#deployment.lostTransfers();
    const effects = transferEffects(all);
    for (const { fault, index } of lossy) {
      const record = this.records[index]!;
      Object.assign(record, effects.get(index));
      const own = all.filter((lost) => lost.fault === index);
      if (own.length !== fault.next) continue;
      record.untilMs = this.#timers.clock.fromUnixMs(Math.max(...own.map(({ atUnixMs }) => atUnixMs)));
    }
  }

  #do(work: Promise<void>): void {
    const tracked = work.catch(this.#fail).finally(() => this.#under.delete(tracked));
    this.#under.add(tracked);
  }
}
