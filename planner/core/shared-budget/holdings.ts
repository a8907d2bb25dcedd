import type { Role } from "../types.ts";
import type { SharedFleet, SharedPool } from "./types.ts";

/** Replicas of all pools, some of them otherwise than they are: what a change would come to. */
export class Holdings {
  readonly #fleet: SharedFleet;
  readonly #changed = new Map<SharedPool, number>();

  constructor(fleet: SharedFleet) {
    this.#fleet = fleet;
  }

  pool(deployment: string, role: Role): SharedPool | undefined {
    return this.#fleet.pools.find((pool) => pool.deployment === deployment && pool.role === role);
  }

  set(pool: SharedPool, replicas: number): void {
    if (replicas === pool.replicas) this.#changed.delete(pool);
    else this.#changed.set(pool, replicas);
  }

  /** Pools that change, with what they become, in the fleet's order. */
  get changes(): { pool: SharedPool; replicas: number }[] {
    return this.#fleet.pools.flatMap((pool) => {
      const replicas = this.#changed.get(pool);
      return replicas === undefined ? [] : [{ pool, replicas }];
    });
  }

  get totalGpus(): number {
    let total = this.#fleet.otherGpus;
    for (const pool of this.#fleet.pools) total += (this.#changed.get(pool) ?? pool.replicas) * pool.gpusPerReplica;
    return total;
  }
}
