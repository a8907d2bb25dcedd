import { KvRouter } from "./kv-router.ts";
import type { QueueClass } from "./queue.ts";
import { FIRST_COME, type QueueRank } from "./queue-rank.ts";
import type { Lane, RouteContext, Router, WorkerKey } from "./types.ts";

interface Binding {
  worker: WorkerKey;
  /** Requests of the session that are under way: while there are any, the binding holds. */
  active: number;
  /** Without any, it holds until then, ms. */
  untilMs: number;
}

/**
 * Keeps a session on one worker (Dynamo's `--router-session-affinity-ttl-secs`, mode `hard`): the first request is routed as the router
 * underneath has it; later ones go to the same worker as long as that takes requests. A session that was idle for the TTL is forgotten.
 */
export class SessionAffinity implements Router {
  readonly router: Router;
  readonly #ttlMs: number;
  readonly #bindings = new Map<string | number, Binding>();
  /** What each request under way counts for, by request. */
  readonly #bindingOf = new Map<string | number, Binding>();
  #nextSweepMs = 0;

  /** @param ttlMs idle time after which a session is forgotten, ms of `RouteContext.nowMs` */
  constructor(router: Router, ttlMs: number) {
    this.router = router;
    this.#ttlMs = ttlMs;
  }

  get classes(): readonly QueueClass[] | undefined {
    return this.router.classes;
  }

  /** Sessions that are bound to a worker. */
  get sessions(): number {
    return this.#bindings.size;
  }

  choose(outstanding: ArrayLike<number>, count: number, context?: RouteContext): number {
    const place = context === undefined ? -1 : this.#boundPlace(context, count);
    if (place < 0) return this.router.choose(outstanding, count, context);
    // The KV router is asked all the same, about that worker alone: it says what is cached there.
    if (this.router instanceof KvRouter) {
      const { workers, ...rest } = context!;
      this.router.choose([outstanding[place] ?? 0], 1, { ...rest, workers: [workers[place]!] });
    }
    return place;
  }

  routed(request: string | number, worker: WorkerKey, context: RouteContext): void {
    this.router.routed?.(request, worker, context);
    const { session, nowMs = 0 } = context;
    if (session === undefined) return;
    this.#leave(request, nowMs);
    this.#sweep(nowMs);
    let bound = this.#bindings.get(session);
    if (bound === undefined || bound.worker !== worker) {
      bound = { worker, active: 0, untilMs: 0 };
      this.#bindings.set(session, bound);
    }
    bound.active++;
    this.#bindingOf.set(request, bound);
  }

  prefilled(request: string | number): void {
    this.router.prefilled?.(request);
  }

  ended(request: string | number, nowMs = 0): void {
    this.router.ended?.(request, nowMs);
    this.#leave(request, nowMs);
  }

  workerRemoved(worker: WorkerKey): void {
    this.router.workerRemoved?.(worker);
    for (const [session, bound] of this.#bindings) if (bound.worker === worker) this.#bindings.delete(session);
  }

  /** A bound session waits for its own worker alone. */
  isBusy(context: RouteContext, place = 0): boolean {
    const bound = this.#boundPlace(context, context.workers.length);
    const asked = bound < 0 ? context : { ...context, workers: [context.workers[bound]!] };
    return this.router.isBusy?.(asked, place) ?? false;
  }

  /** An idle session that waits for its worker is forgotten like any other, and may go anywhere then. */
  changesMs(context: RouteContext): number {
    if (this.#boundPlace(context, context.workers.length) < 0) return Number.POSITIVE_INFINITY;
    const { active, untilMs } = this.#bindings.get(context.session!)!;
    return active > 0 ? Number.POSITIVE_INFINITY : untilMs;
  }

  rank(context: RouteContext): QueueRank {
    return this.router.rank?.(context) ?? FIRST_COME;
  }

  lane(context: RouteContext): Lane {
    const place = this.#boundPlace(context, context.workers.length);
    return place < 0 ? null : context.workers[place]!;
  }

  /** The place of the session's worker among the candidates, −1 where it has none, or that takes nothing now. */
  #boundPlace({ session, workers, nowMs = 0 }: RouteContext, count: number): number {
    if (session === undefined) return -1;
    const bound = this.#bindings.get(session);
    if (bound === undefined || (bound.active === 0 && bound.untilMs <= nowMs)) return -1;
    for (let i = 0; i < count; i++) if (workers[i] === bound.worker) return i;
    return -1;
  }

  #leave(request: string | number, nowMs: number): void {
    const bound = this.#bindingOf.get(request);
    if (bound === undefined) return;
    this.#bindingOf.delete(request);
    bound.active--;
    bound.untilMs = nowMs + this.#ttlMs;
  }

  /** Forgets idle sessions, all of them once a TTL. */
  #sweep(nowMs: number): void {
    if (nowMs < this.#nextSweepMs) return;
    this.#nextSweepMs = nowMs + this.#ttlMs;
    for (const [session, { active, untilMs }] of this.#bindings) {
      if (active === 0 && untilMs <= nowMs) this.#bindings.delete(session);
    }
  }
}
