import type { EngineRole } from "#mocker/engine";
import type { WorkerCard } from "#mocker/protocol";
import type { Router } from "#mocker/router";
import type { DiscoverySink } from "../discovery/types.ts";
import { Backend, type BackendState, type BackendTimeouts } from "./backend.ts";
import { RolePool } from "./role-pool.ts";

export interface FleetOptions {
  timeouts: BackendTimeouts;
  router(role: EngineRole, card: WorkerCard): Router;
}

/** What the fleet tells the rest of the frontend. */
export interface FleetListener {
  added?(backend: Backend): void;
  /** A worker's card came in, or its state changed. */
  changed?(backend: Backend, before: BackendState): void;
  removed?(backend: Backend): void;
}

/** The workers of one model by role. */
export type ModelPools = Map<EngineRole, RolePool>;

/** All workers that discovery told of, and the pools that requests are routed over. */
export class Fleet implements DiscoverySink {
  readonly #options: FleetOptions;
  readonly #listeners: FleetListener[] = [];
  readonly #backends = new Map<string, Backend>();
  /** Models stay once they were seen: a model without a worker is one to wait for. */
  readonly #models = new Map<string, { pools: ModelPools; since: number }>();
  #seq = 0;

  constructor(options: FleetOptions) {
    this.#options = options;
  }

  listen(listener: FleetListener): void {
    this.#listeners.push(listener);
  }

  backends(): IterableIterator<Backend> {
    return this.#backends.values();
  }

  get size(): number {
    return this.#backends.size;
  }

  /** Whether a worker may yet turn out to serve a model that is not known. */
  get hasUnknown(): boolean {
    for (const { card, state } of this.#backends.values()) if (card === null && state !== "removed") return true;
    return false;
  }

  /** Names of the models that were seen, and when first (Unix seconds). */
  models(): { name: string; since: number; pools: ModelPools }[] {
    return [...this.#models].map(([name, { since, pools }]) => ({ name, since, pools }));
  }

  pools(model: string): ModelPools | undefined {
    return this.#models.get(model)?.pools;
  }

  // ── from discovery ──────────────────────────────────────────────────────────────────────────────────────────────

  add(url: string, card?: WorkerCard): void {
    const key = url.replace(/\/+$/, "");
    if (this.#backends.has(key)) return;
    const backend = new Backend(key, this.#seq++, this.#options.timeouts);
    this.#backends.set(key, backend);
    if (card !== undefined) this.describe(backend, card, [card.model]);
    for (const listener of this.#listeners) listener.added?.(backend);
    if (card !== undefined) this.setState(backend, card.state);
  }

  remove(url: string): void {
    const key = url.replace(/\/+$/, "");
    const backend = this.#backends.get(key);
    if (backend === undefined) return;
    this.#backends.delete(key);
    if (backend.checkTimer !== null) clearTimeout(backend.checkTimer);
    this.setState(backend, "removed");
    for (const model of backend.models) this.#pool(model, backend)?.leave(backend);
    for (const listener of this.#listeners) listener.removed?.(backend);
    // Requests that it has still end; then its connections close.
    void backend.dispatcher.close().catch(() => {});
  }

  // ── from health checks and requests ─────────────────────────────────────────────────────────────────────────────

  /** Takes what a worker says of itself; it may say something else after a restart. */
  describe(backend: Backend, card: WorkerCard, models: readonly string[]): void {
    const same = backend.card?.role === card.role && backend.card.id === card.id && sameList(backend.models, models);
    if (!same) for (const model of backend.models) this.#pool(model, backend)?.leave(backend);
    backend.card = card;
    if (same) return;
    backend.models = models;
    for (const model of models) {
      let known = this.#models.get(model);
      if (known === undefined) {
        known = { pools: new Map(), since: Math.floor(Date.now() / 1000) };
        this.#models.set(model, known);
      }
      let pool = known.pools.get(card.role);
      if (pool === undefined) {
        pool = new RolePool(this.#options.router(card.role, card));
        known.pools.set(card.role, pool);
      }
      pool.join(backend);
    }
  }

  setState(backend: Backend, state: BackendState): void {
    const before = backend.state;
    if (before === state || before === "removed") return;
    backend.state = state;
    for (const model of backend.models) this.#pool(model, backend)?.refresh(backend);
    for (const listener of this.#listeners) listener.changed?.(backend, before);
  }

  async close(): Promise<void> {
    const backends = [...this.#backends.values()];
    for (const { checkTimer } of backends) if (checkTimer !== null) clearTimeout(checkTimer);
    this.#backends.clear();
    await Promise.all(backends.map((backend) => backend.dispatcher.destroy().catch(() => {})));
  }

  #pool(model: string, backend: Backend): RolePool | undefined {
    return this.#models.get(model)?.pools.get(backend.role);
  }
}

function sameList(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((item, i) => item === b[i]);
}
