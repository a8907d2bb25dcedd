import type { TimerQueue } from "#common";
import type { Planner } from "#planner/core";
import { type Fault, faultEndMs, roleOf, type WorkerName } from "#scenarios";
import type { LoadResult } from "#src/loadgen";
import type { FaultRecord, RoleName } from "#src/record";
import { faultRecord, PlannerFaults, StartUps, workersOnNode } from "#src/simulator";
import type { LiveDeployment } from "../deployment.ts";
import type { LivePool, LiveWorker } from "../pool.ts";
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

/** Plays a scenario's faults on the processes of a live run. Books are kept by the instants of the scenario. */
export class LiveFaults {
  readonly records: readonly FaultRecord[];
  readonly planner: PlannerFaults;
  readonly #faults: readonly Fault[];
  readonly #deployment: LiveDeployment;
  readonly #timers: TimerQueue;
  readonly #startUps = new StartUps();
  /** How many times as long passes of a worker take, by fault; Infinity: none begins. */
  readonly #paces = new Map<LiveWorker, Map<FaultRecord, number>>();
  /** Nodes that were lost and when, by GPUs of a node. */
  readonly #lostNodes = new Map<number, Map<number, number>>();
  /** Workers that died while nobody could replace them. */
  readonly #missing: LivePool[] = [];
  #endMs = Number.POSITIVE_INFINITY;
  #fail: (error: unknown) => void = () => {};
  #under = new Set<Promise<void>>();

  constructor({ faults, deployment, timers, newPlanner }: LiveFaultsOptions) {
    this.#faults = [...faults].sort((a, b) => a.atMs - b.atMs);
    this.records = this.#faults.map(faultRecord);
    this.planner = new PlannerFaults(this.#faults, this.records, newPlanner);
    this.#deployment = deployment;
    this.#timers = timers;
  }

  /** @param fail told what goes wrong that should not */
  begin(fail: (error: unknown) => void): void {
    this.#fail = fail;
    this.#faults.forEach((fault, i) => {
      const record = this.records[i]!;
      this.#at(fault.atMs, () => this.#begin(fault, record), FAULT_ORDER);
    });
  }

  /** What is due by `endMs` happens, the rest doesn't; resolves when it has begun. */
  async end(endMs: number): Promise<void> {
    this.#endMs = endMs;
    await new Promise<void>((resolve) => this.#timers.at(endMs, () => resolve()));
  }

  /** Resolves when what began has been done, and noted. */
  async settled(load: Pick<LoadResult, "requests" | "details">): Promise<void> {
    await Promise.all(this.#under);
    await this.#noteLostTransfers();
    this.#faults.forEach((fault, i) => {
      if (fault.kind !== "delayNetwork") return;
      const role = fault.pool === "all" ? null : roleOf(fault.pool);
      const toMs = faultEndMs(fault) ?? Number.POSITIVE_INFINITY;
      this.records[i]!.requests = requestsUnderWay(load, role, fault.atMs, toMs);
    });
  }

  /** One more worker of a pool in the books, whose start begins now; `create` plays it. */
  start(pool: LivePool, nowMs: number): LiveWorker {
    const worker = pool.add(nowMs, nowMs + this.#startUps.startupMs(pool));
    this.#startUps.began(worker);
    return worker;
  }

  /** Lets the worker's starts fail at their ends, one after the other; it has a process from the one on that does not. */
  create(worker: LiveWorker): void {
    if (!this.#startUps.willFail(worker)) {
      void this.#deployment.create(worker, this.#timers.clock.toUnixMs(worker.life.readyMs));
      return;
    }
    const ended = (atMs: number) => {
      if (worker.state !== "starting") return;
      this.#startUps.failed(worker, this.#deployment.pools[worker.role]!, atMs);
      this.create(worker);
    };
    this.#at(worker.life.readyMs, ended, START_ORDER);
  }

  #begin(fault: Fault, record: FaultRecord): void {
    const end = this.#strike(fault, record);
    const endMs = faultEndMs(fault);
    if (end !== null && endMs !== null) this.#at(endMs, end, FAULT_ORDER);
  }

  #at(atMs: number, act: (atMs: number) => void, order: number): void {
    this.#timers.at(atMs, () => atMs <= this.#endMs && act(atMs), order);
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
        return this.#setPace(fault.worker, Number.POSITIVE_INFINITY, record);
      case "slow":
        return this.#setPace(fault.worker, fault.factor, record);
      case "failStartup":
      case "delayStartup":
        this.#startUps.begin(fault, record);
        return () => this.#startUps.end(fault);
      case "loseTransfers": {
        const { next, probability } = fault;
        const index = this.records.indexOf(record);
        this.#do(this.#deployment.loseTransfers(index, { next, probability }));
        return () => this.#do(this.#deployment.loseTransfers(index, null));
      }
      case "delayNetwork": {
        const { pool, byMs, jitterMs } = fault;
        const role = pool === "all" ? null : roleOf(pool);
        const change = (sign: 1 | -1) =>
          this.#do(this.#deployment.delayNetwork(role, { byMs: sign * byMs, jitterMs: sign * jitterMs }));
        change(1);
        return () => change(-1);
      }
      case "loseApiServer":
        return () => {
          if (!this.planner.canAct(fault.atMs + fault.forMs)) return;
          for (const pool of this.#missing.splice(0)) this.#replace(pool);
        };
      default:
        return null;
    }
  }

  #find({ pool, index }: WorkerName): LiveWorker | undefined {
    return this.#deployment.pools[roleOf(pool)]?.workers[index];
  }

  #onNode(gpusPerNode: number, node: number, atMs: number): LiveWorker[] {
    const { prefill, decode } = this.#deployment.pools;
    const workers = [...(prefill?.workers ?? []), ...decode!.workers];
    const lost = this.#lostNodes.get(gpusPerNode) ?? new Map<number, number>();
    const gpusOf = ({ role }: { role: RoleName }) => this.#deployment.pools[role]!.spec.gpusPerWorker;
    const lives = workers.map(({ life }) => life);
    const there = workersOnNode(lives, gpusOf, gpusPerNode, node, atMs, lost).map((place) => workers[place]!);
    this.#lostNodes.set(gpusPerNode, lost.set(node, Math.min(atMs, lost.get(node) ?? atMs)));
    return there;
  }

  #kill(named: readonly (LiveWorker | undefined)[], record: FaultRecord): void {
    const dying = [...new Set(named)].filter(
      (worker) => worker !== undefined && worker.state !== "removed",
    ) as LiveWorker[];
    record.workers += dying.length;
    for (const worker of dying) {
      const pool = this.#deployment.pools[worker.role]!;
      const isReplaced = worker.state !== "draining";
      pool.remove(worker, record.atMs);
      this.#do(
        this.#deployment.kill(worker).then(({ withToken, withoutToken }) => {
          record.requests += withToken + withoutToken;
          record.failed += withToken;
          record.retried += withoutToken;
        }),
      );
      if (!isReplaced) continue;
      if (this.planner.canAct(record.atMs)) this.#replace(pool);
      else this.#missing.push(pool);
    }
  }

  #replace(pool: LivePool): void {
    this.create(this.start(pool, this.#timers.nowMs()));
  }

  #setPace(name: WorkerName, factor: number, record: FaultRecord): (() => void) | null {
    const worker = this.#find(name);
    if (worker === undefined || worker.state === "removed") return null;
    record.workers++;
    const paces = this.#paces.get(worker) ?? new Map<FaultRecord, number>();
    this.#paces.set(worker, paces);
    const tell = () => {
      if (worker.state === "removed") return;
      let all = 1;
      for (const one of paces.values()) all *= one;
      this.#do(
        this.#deployment.setPace(worker, all).then(({ withToken, withoutToken }) => {
          record.requests = Math.max(record.requests, withToken + withoutToken);
        }),
      );
    };
    paces.set(record, factor);
    tell();
    return () => {
      paces.delete(record);
      tell();
    };
  }

  /** The last of the next ones to be lost ends its fault. */
  async #noteLostTransfers(): Promise<void> {
    const lossy = this.#faults.flatMap((fault, index) => (fault.kind === "loseTransfers" ? [{ fault, index }] : []));
    if (lossy.length === 0) return;
    const all = await this.#deployment.lostTransfers();
    for (const { fault, index } of lossy) {
      const record = this.records[index]!;
      const own = all.filter((lost) => lost.fault === index);
      record.requests = record.retried = own.reduce((sum, { lost }) => sum + lost, 0);
      if (record.requests !== fault.next) continue;
      record.untilMs = this.#timers.clock.fromUnixMs(Math.max(...own.map(({ lastUnixMs }) => lastUnixMs)));
    }
  }

  #do(work: Promise<void>): void {
    const tracked = work.catch(this.#fail).finally(() => this.#under.delete(tracked));
    this.#under.add(tracked);
  }
}
