import { FIRST_COME, type Lane, type QueueRank, type RouteContext, type Router } from "#mocker/router";
import type { Backend } from "./backend.ts";

type Context = Omit<RouteContext, "workers">;

/** The workers of one model and role that take requests, in the order of their discovery, and the router over them. */
export class RolePool {
  readonly router: Router;
  active: Backend[] = [];
  /** Workers of this model and role that are there at all. */
  readonly members = new Set<Backend>();
  #outstanding = new Float64Array(16);
  #keys: string[] = [];

  constructor(router: Router) {
    this.router = router;
  }

  join(backend: Backend): void {
    this.members.add(backend);
    this.refresh(backend);
  }

  leave(backend: Backend): void {
    if (!this.members.delete(backend)) return;
    this.refresh(backend);
    this.router.workerRemoved?.(backend.id);
  }

  /** After the state of a member has changed. */
  refresh(backend: Backend): void {
    const takes = backend.state === "ready" && this.members.has(backend);
    const at = this.active.indexOf(backend);
    if (takes === at >= 0) return;
    if (!takes) this.active.splice(at, 1);
    else {
      // Nearly always at the end.
      let place = this.active.length;
      while (place > 0 && this.active[place - 1]!.seq > backend.seq) place--;
      this.active.splice(place, 0, backend);
    }
    this.#keys = this.active.map((active) => active.id);
  }

  /** Whether the request had better wait in the router, though there are workers. @param except as of `choose` @param place of its policy class */
  isBusy(context: Context, except: ReadonlySet<Backend>, place: number): boolean {
    return this.router.isBusy?.({ ...context, workers: this.#candidates(except).keys }, place) ?? false;
  }

  /** When `isBusy` may have another answer though nothing has happened by then, ms as `nowMs` of the context; Infinity: never. */
  changesMs(context: Context, except: ReadonlySet<Backend>): number {
    return this.router.changesMs?.({ ...context, workers: this.#candidates(except).keys }) ?? Number.POSITIVE_INFINITY;
  }

  rank(context: Context, except: ReadonlySet<Backend>): QueueRank {
    return this.router.rank?.({ ...context, workers: this.#candidates(except).keys }) ?? FIRST_COME;
  }

  lane(context: Context, except: ReadonlySet<Backend>): Lane {
    return this.router.lane?.({ ...context, workers: this.#candidates(except).keys }) ?? null;
  }

  /** The router's choice among those that take requests and are not in `except`; where all are, among all. null: there is none. */
  choose(context: Context, except: ReadonlySet<Backend>): Backend | null {
    const { backends, keys: workers } = this.#candidates(except);
    const { length } = backends;
    if (length === 0) return null;
    if (this.#outstanding.length < length) this.#outstanding = new Float64Array(length * 2);
    for (let i = 0; i < length; i++) this.#outstanding[i] = backends[i]!.outstanding;
    return backends[this.router.choose(this.#outstanding, length, { ...context, workers })] ?? null;
  }

  #candidates(except: ReadonlySet<Backend>): { backends: readonly Backend[]; keys: string[] } {
    const all = { backends: this.active, keys: this.#keys };
    if (except.size === 0) return all;
    const backends = this.active.filter((backend) => !except.has(backend));
    if (backends.length === 0 || backends.length === this.active.length) return all;
    return { backends, keys: backends.map(({ id }) => id) };
  }
}
