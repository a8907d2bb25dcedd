import type { Pool, SimulatedWorker } from "./pool.ts";

/** Whom a router chooses among: the active workers of a pool, or each of their data-parallel ranks by itself. */
export class Candidates {
  /** Candidates that a worker is. */
  readonly perWorker: number;
  #workers: readonly number[] | null = null;
  #ids: readonly number[] = [];

  constructor(perWorker: number) {
    this.perWorker = perWorker;
  }

  /** Names of all candidates, a worker's side by side. @param workers ids in a list that never changes */
  ids(workers: readonly number[]): readonly number[] {
    if (this.perWorker === 1) return workers;
    if (this.#workers !== workers) {
      this.#workers = workers;
      this.#ids = workers.flatMap((worker) => this.of(worker));
    }
    return this.#ids;
  }

  /** Names of a worker's candidates. */
  of(worker: number): number[] {
    return Array.from({ length: this.perWorker }, (_, rank) => worker * this.perWorker + rank);
  }

  /** Name of the candidate that an engine belongs to. */
  idOf({ id, engines }: SimulatedWorker, engine: number): number {
    return this.perWorker === 1 ? id : id * this.perWorker + engines.indexOf(engine);
  }

  /** The worker of a candidate; the rank that was chosen is its next. */
  take(pool: Pool, place: number): SimulatedWorker {
    if (this.perWorker === 1) return pool.active[place]!;
    const worker = pool.active[Math.floor(place / this.perWorker)]!;
    worker.nextRank = place % this.perWorker;
    return worker;
  }
}
