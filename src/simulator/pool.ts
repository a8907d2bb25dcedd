import { type EngineFactory, rankConfig, seededEngine } from "#mocker/engine";
import type { RoleName, WorkerLife } from "#src/record";
import { LeastTree } from "./least-tree.ts";
import type { PoolSpec } from "./types.ts";

export type WorkerState = "starting" | "active" | "draining" | "removed";

/** One worker: `dpSize` schedulers in lock step that share its GPUs and its life. */
export interface SimulatedWorker {
  id: number;
  role: RoleName;
  state: WorkerState;
  life: WorkerLife;
  /** Places of its engines in the simulation's engine list. */
  engines: number[];
  /** Prompt tokens (prefill) or requests (decode; weighted in aggregated runs) given to it and not done; changed by `addWork`. */
  outstanding: number;
  /** Place among the active workers, −1 for others. */
  place: number;
  nextRank: number;
}

/** The workers of one role, past and present. */
export class Pool {
  readonly role: RoleName;
  readonly spec: PoolSpec;
  readonly newEngine: EngineFactory;
  readonly workers: SimulatedWorker[] = [];
  /** Workers that take requests, by id. */
  active: SimulatedWorker[] = [];
  #activeIds: readonly number[] | null = null;
  /** Workers that take no requests any more and still have some. */
  draining = 0;
  readonly #tree = new LeastTree();
  /** The tree knows of the workers as they are; it is made when it is asked for. */
  #isIndexed = false;
  /** Their outstanding work, index-aligned with `active` (and longer): what a router sees. */
  outstanding = new Float64Array(8);

  constructor(role: RoleName, spec: PoolSpec, newEngine: EngineFactory) {
    this.role = role;
    this.spec = spec;
    let made = 0;
    this.newEngine = (config, listener) => newEngine(seededEngine(rankConfig(config, spec.dpSize), made++), listener);
  }

  add(nowMs: number, readyMs: number): SimulatedWorker {
    const id = this.workers.length;
    const life: WorkerLife = { role: this.role, id, createdMs: nowMs, readyMs, drainingMs: null, removedMs: null };
    const worker: SimulatedWorker = {
      id,
      role: this.role,
      state: "starting",
      life,
      engines: [],
      outstanding: 0,
      place: -1,
      nextRank: 0,
    };
    this.workers.push(worker);
    return worker;
  }

  markReady(worker: SimulatedWorker): void {
    if (worker.state !== "starting") return;
    worker.state = "active";
    const isLast = this.active.length === 0 || this.active[this.active.length - 1]!.id < worker.id;
    this.active.push(worker);
    if (!isLast) this.active.sort((a, b) => a.id - b.id);
    this.#place(isLast ? this.active.length - 1 : 0);
  }

  drain(worker: SimulatedWorker, nowMs: number): void {
    worker.state = "draining";
    this.draining++;
    worker.life.drainingMs = nowMs;
    this.#deactivate(worker);
  }

  remove(worker: SimulatedWorker, nowMs: number): void {
    if (worker.state === "draining") this.draining--;
    worker.state = "removed";
    worker.life.removedMs = nowMs;
    this.#deactivate(worker);
  }

  addWork(worker: SimulatedWorker, change: number): void {
    worker.outstanding += change;
    if (worker.place < 0) return;
    this.outstanding[worker.place] = worker.outstanding;
    if (this.#isIndexed) this.#tree.changed(worker.place);
  }

  /** Ids of the active workers. A router may hold the list it was asked about: it never changes. */
  get activeIds(): readonly number[] {
    this.#activeIds ??= this.active.map(({ id }) => id);
    return this.#activeIds;
  }

  /** Place of the active worker with least outstanding work, the first of equals. */
  leastLoaded(): number {
    if (!this.#isIndexed) {
      this.#tree.rebuild(this.outstanding, this.active.length);
      this.#isIndexed = true;
    }
    return this.#tree.least;
  }

  #deactivate(worker: SimulatedWorker): void {
    if (worker.place < 0) return;
    this.active.splice(worker.place, 1);
    this.#place(worker.place);
    worker.place = -1;
  }

  /** Sets places and outstanding work of the active workers from `from` on. */
  #place(from: number): void {
    this.#isIndexed = false;
    if (this.outstanding.length < this.active.length) {
      const larger = new Float64Array(this.active.length * 2);
      larger.set(this.outstanding);
      this.outstanding = larger;
    }
    this.#activeIds = null;
    for (let i = from; i < this.active.length; i++) {
      this.active[i]!.place = i;
      this.outstanding[i] = this.active[i]!.outstanding;
    }
  }

  counts(): { active: number; starting: number; draining: number } {
    const counts = { active: this.active.length, starting: 0, draining: 0 };
    for (const { state } of this.workers) {
      if (state === "starting") counts.starting++;
      else if (state === "draining") counts.draining++;
    }
    return counts;
  }
}
