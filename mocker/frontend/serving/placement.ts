import type { EngineRole } from "#mocker/engine";
import { type RouteContext, type Router, WAITING_WEIGHT } from "#mocker/router";
import type { Backend } from "../fleet/backend.ts";
import type { Job } from "./job.ts";

export interface PlacementParts {
  router: Router;
  context: Omit<RouteContext, "workers">;
  changed: () => void;
  nowMs: () => number;
}

/**
 * A request's place at a worker, from the choice on: the next choice, made in the same instant, counts it already. Its weight
 * is in the unit of the role: prompt tokens at prefill workers, requests elsewhere.
 */
export class Placement {
  readonly worker: Backend;
  readonly #key: number;
  readonly #router: Router;
  readonly #weighsLess: boolean;
  readonly #changed: () => void;
  readonly #nowMs: () => number;
  #weight: number;
  #hasBegun = false;

  /** @param changed is called when the worker has less to do, so that others may go there */
  constructor(job: Job, role: EngineRole, worker: Backend, { router, context, changed, nowMs }: PlacementParts) {
    this.worker = worker;
    this.#changed = changed;
    this.#nowMs = nowMs;
    this.#key = job.key;
    this.#router = router;
    this.#weighsLess = role === "aggregated";
    this.#weight = role === "prefill" ? job.isl : role === "aggregated" ? WAITING_WEIGHT : 1;
    worker.outstanding += this.#weight;
    worker.requests++;
    worker.totalRequests++;
    router.routed?.(job.key, worker.id, { ...context, workers: [worker.id] });
  }

  /** The prompt is computed. Only the first call counts. */
  begun(): void {
    if (this.#hasBegun) return;
    this.#hasBegun = true;
    if (this.#weighsLess) {
      this.worker.outstanding -= this.#weight - 1;
      this.#weight = 1;
    }
    this.#router.prefilled?.(this.#key);
    this.#changed();
  }

  /** The request has left the worker. To be called once. */
  end(): void {
    this.worker.outstanding -= this.#weight;
    this.worker.requests--;
    this.#router.ended?.(this.#key, this.#nowMs());
    this.#changed();
  }
}
