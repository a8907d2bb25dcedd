import type { EngineConfig, EngineRole, KvEvent, RequestColumns } from "#mocker/engine";
import {
  createRouter,
  FIRST_COME,
  kvRouterIn,
  placeOf,
  type QueueRank,
  type RouteContext,
  type Router,
  RouterQueue,
  type RouterSettings,
} from "#mocker/router";
import { hintsOf, type RoutingHints, sessionNumbers } from "#scenarios/workload";
import type { RoleName, RoutingRecord } from "#src/record";
import type { Pool, SimulatedWorker } from "./pool.ts";
import { Candidates } from "./route-candidates.ts";
import { routingRecord } from "./routing-record.ts";
import type { PoolSpec, SimulationSpec } from "./types.ts";

/** The router's settings of a run, whichever way they were given. */
export function routerSettings({ router }: Pick<SimulationSpec, "router">): RouterSettings {
  return typeof router === "string" ? { mode: router } : router;
}

/** A pool's engine, which tells of its cache where the router follows that. */
export function routedEngine(spec: SimulationSpec, { engine }: PoolSpec): EngineConfig {
  if (engine.kvEvents !== false || engine.role === "decode" || !followsCaches(spec)) return engine;
  return { ...engine, kvEvents: "shared" };
}

function followsCaches(spec: SimulationSpec): boolean {
  const { mode, kvEvents = true } = routerSettings(spec);
  return mode === "kv" && kvEvents;
}

interface News {
  /** The request whose prompt is computed; −1: another piece. */
  prefilled: number;
  tell: () => void;
}

/** The router of one role, and who and what waits there. */
interface RoleRouter {
  readonly router: Router;
  readonly line: RouterQueue<number>;
  /** As of the last `sweep`: when somebody who waits may go though nothing happens until then, ms. */
  changesMs: number;
  /** What the router has not been told yet: it may send somebody on at each piece. */
  readonly news: News[];
  readonly candidates: Candidates;
  /** Ranks of a worker that have a block, by worker and block; where workers have several ranks. */
  readonly ranksWith: Map<number, Map<number, number>> | null;
}

/**
 * The routers of a run, the very ones of the live frontend, and the requests that wait in them: for a ready worker, or for one that has
 * less to compute.
 */
export class RoutingDesk {
  /** What routers thought of each request; null where none knows of caches. */
  readonly record: RoutingRecord | null;
  readonly #prefill: RoleRouter;
  readonly #decode: RoleRouter;
  /** Their routers look at prompts, sessions or load of their own. */
  readonly #looksCloser: boolean;
  readonly #computesPrompts: RoleName;
  /** The router has nothing to look at but outstanding work, which the pools keep in order: with many workers that is faster. */
  readonly #isLeastLoaded: boolean;
  readonly #columnsFor: (spec: PoolSpec) => RequestColumns;
  readonly #sessions: Int32Array | null;
  readonly #hints: RoutingHints | undefined;
  /** Changes of caches in passes that have not ended, by engine. */
  readonly #cacheChanges = new Map<number, KvEvent[]>();

  constructor(spec: SimulationSpec, columnsFor: (spec: PoolSpec) => RequestColumns) {
    const settings = routerSettings(spec);
    const { prefill, decode, seed } = spec;
    const roleRouter = (role: EngineRole, { engine, dpSize }: PoolSpec): RoleRouter => {
      const router = (spec.newRouter ?? createRouter)(settings, seed, {
        role,
        blockSize: engine.blockSize,
        maxBatchedTokens: engine.maxNumBatchedTokens,
        tellsEvents: engine.prefixCaching,
      });
      return {
        router,
        line: new RouterQueue(router.classes),
        changesMs: Number.POSITIVE_INFINITY,
        news: [],
        candidates: new Candidates(
          spec.quirks.ranksAreRouted === true && (settings.mode === "kv" || prefill !== null) ? dpSize : 1,
        ),
        ranksWith: dpSize > 1 && spec.quirks.ranksAreRouted !== true ? new Map() : null,
      };
    };
    this.#prefill = roleRouter("prefill", prefill ?? decode);
    this.#decode = roleRouter(prefill === null ? "aggregated" : "decode", decode);
    this.#computesPrompts = prefill === null ? "decode" : "prefill";
    const hasAffinity = (settings.sessionAffinityMs ?? null) !== null;
    this.#looksCloser = settings.mode === "kv" || hasAffinity;
    this.#isLeastLoaded = settings.mode === "least-loaded" && !hasAffinity;
    this.#sessions = hasAffinity ? sessionNumbers(spec.workload) : null;
    this.#hints = spec.workload.hints;
    this.#columnsFor = columnsFor;
    this.record =
      settings.mode === "kv" ? routingRecord(spec.workload.count, (prefill ?? decode).engine.blockSize) : null;
  }

  #of(role: RoleName): RoleRouter {
    return role === "prefill" ? this.#prefill : this.#decode;
  }

  /** Where a request goes; null: it waits here until `sweep` sends it; "refused": too many wait in its class. */
  route(pool: Pool, request: number, nowMs: number): SimulatedWorker | null | "refused" {
    const roleRouter = this.#of(pool.role);
    const { line, router } = roleRouter;
    tellAll(roleRouter);
    const context = this.#looksCloser ? this.#context(pool, request, nowMs) : undefined;
    // What it has to compute decides on its class.
    const asItComes = router.classes === undefined ? null : this.#rank(router, context);
    const place = asItComes === null ? 0 : placeOf(asItComes);
    const isBusy = context !== undefined && (router.isBusy?.(context, place) ?? false);
    const lane = context === undefined ? null : (router.lane?.(context) ?? null);
    if (pool.active.length > 0 && !line.holdsUp(lane, place) && !isBusy) {
      return this.#send(pool, request, context);
    }
    const rank = asItComes ?? this.#rank(router, context);
    if (line.overflow(rank, Math.max(1, pool.active.length)) !== null) return "refused";
    line.push(request, rank, lane);
    if (this.record !== null) this.record.waitMs[request]! -= nowMs;
    return null;
  }

  #rank(router: Router, context: RouteContext | undefined): QueueRank {
    return (context === undefined ? null : router.rank?.(context)) ?? FIRST_COME;
  }

  /** Sends those that wait and may go now, in their order. @returns whether anybody went */
  sweep(pool: Pool, nowMs: number, send: (request: number, worker: SimulatedWorker) => void): boolean {
    const roleRouter = this.#of(pool.role);
    const { line, router, news: unheard } = roleRouter;
    roleRouter.changesMs = Number.POSITIVE_INFINITY;
    if (line.length === 0 || pool.active.length === 0) {
      tellAll(roleRouter);
      return false;
    }
    let anybody = false;
    const may = (request: number, rank: QueueRank) => {
      const context = this.#looksCloser ? this.#context(pool, request, nowMs) : undefined;
      if (context === undefined || !(router.isBusy?.(context, placeOf(rank)) ?? false)) return true;
      this.#noteChange(roleRouter, context);
      return false;
    };
    const goes = (request: number, rank: QueueRank) => {
      if (!may(request, rank)) return false;
      anybody = true;
      const { record } = this;
      if (record !== null) record.waitMs[request]! += nowMs;
      const context = this.#looksCloser ? { ...this.#context(pool, request, nowMs), seen: rank.seen } : undefined;
      send(request, this.#send(pool, request, context));
      return true;
    };
    const laneOf = (request: number) => router.lane?.(this.#context(pool, request, nowMs)) ?? null;
    do {
      unheard.shift()?.tell();
      line.sweep(goes, laneOf, may);
    } while (unheard.length > 0);
    return anybody;
  }

  /** A request does not wait here any more, if it did. */
  drop(role: RoleName, request: number, nowMs: number): void {
    if (this.#of(role).line.remove(request) && this.record !== null) this.record.waitMs[request]! += nowMs;
  }

  /** When `sweep` may send somebody though nothing happens until then; Infinity: nobody. */
  get nextMs(): number {
    return this.waiting === 0 ? Number.POSITIVE_INFINITY : Math.min(this.#prefill.changesMs, this.#decode.changesMs);
  }

  /** Requests that wait in either router. */
  get waiting(): number {
    return this.#prefill.line.length + this.#decode.line.length;
  }

  prefilled(role: RoleName, request: number): void {
    if (this.#looksCloser) tellPrefilled(this.#of(role), request);
  }

  ended(role: RoleName, request: number, nowMs: number): void {
    if (this.#looksCloser) tellEnded(this.#of(role), request, nowMs);
  }

  workerRemoved({ role, id, engines }: SimulatedWorker): void {
    const roleRouter = this.#of(role);
    tellAll(roleRouter);
    roleRouter.ranksWith?.delete(id);
    for (const engine of engines) this.#cacheChanges.delete(engine);
    for (const candidate of roleRouter.candidates.of(id)) roleRouter.router.workerRemoved?.(candidate);
  }

  /** A change that routers are told of when the engine's pass has ended. */
  noteCacheChange(engine: number, event: KvEvent): void {
    const changes = this.#cacheChanges.get(engine);
    if (changes === undefined) this.#cacheChanges.set(engine, [event]);
    else changes.push(event);
  }

  /** Whether the end of a pass may be news to the routers. */
  get followsCaches(): boolean {
    return this.#cacheChanges.size > 0;
  }

  passEnded(engine: number, worker: SimulatedWorker, nowMs: number): void {
    const changes = this.#cacheChanges.get(engine);
    if (changes === undefined || changes.length === 0) return;
    if (worker.state === "removed") {
      // It went with this pass: routers would take it for a worker again.
      this.#cacheChanges.delete(engine);
      return;
    }
    const { router, candidates } = this.#of(worker.role);
    const kvRouter = kvRouterIn(router);
    if (kvRouter !== null) {
      const candidate = candidates.idOf(worker, engine);
      for (const event of changes) {
        if (this.#isNews(worker, event)) kvRouter.cacheChanged(candidate, event.kind, event.blockId, nowMs);
      }
    }
    changes.length = 0;
  }

  /** A block counts as cached while any rank of the worker has it. */
  #isNews({ role, id }: SimulatedWorker, { kind, blockId }: KvEvent): boolean {
    const workers = this.#of(role).ranksWith;
    if (workers === null) return true;
    let blocks = workers.get(id);
    if (blocks === undefined) {
      blocks = new Map();
      workers.set(id, blocks);
    }
    const ranks = (blocks.get(blockId) ?? 0) + (kind === "stored" ? 1 : -1);
    if (ranks <= 0) blocks.delete(blockId);
    else blocks.set(blockId, ranks);
    return kind === "stored" ? ranks === 1 : ranks <= 0;
  }

  #noteChange(roleRouter: RoleRouter, context: RouteContext): void {
    const changesMs = roleRouter.router.changesMs?.(context) ?? Number.POSITIVE_INFINITY;
    roleRouter.changesMs = Math.min(roleRouter.changesMs, changesMs);
  }

  #send(pool: Pool, request: number, context: RouteContext | undefined): SimulatedWorker {
    const { router, candidates } = this.#of(pool.role);
    if (this.#isLeastLoaded) return pool.active[pool.leastLoaded()]!;
    const place = router.choose(pool.outstanding, pool.active.length * candidates.perWorker, context);
    const worker = candidates.take(pool, place);
    if (context === undefined) return worker;
    router.routed?.(request, context.workers[place]!, context);
    if (this.record !== null && pool.role === this.#computesPrompts) {
      const { overlapBlocks, bestOverlapBlocks } = kvRouterIn(router)!.last!;
      this.record.overlapBlocks[request] = overlapBlocks;
      this.record.bestOverlapBlocks[request] = bestOverlapBlocks;
    }
    return worker;
  }

  #request(pool: Pool, request: number) {
    const { blockSize } = pool.spec.engine;
    const { isl, blockOffset, blockIds } = this.#columnsFor(pool.spec);
    // Names may go on beyond the prompt, into its output.
    const promptEnd = blockIds === null ? 0 : blockOffset![request]! + Math.floor(isl[request]! / blockSize);
    const blocks = blockIds?.subarray(blockOffset![request], Math.min(promptEnd, blockOffset![request + 1]!)) ?? [];
    return { request, isl: isl[request]!, blocks };
  }

  #context(pool: Pool, request: number, nowMs: number): RouteContext {
    const workers = this.#of(pool.role).candidates.ids(pool.activeIds);
    const context: RouteContext = { ...this.#request(pool, request), workers, nowMs };
    const session = this.#sessions?.[request] ?? -1;
    if (session >= 0) context.session = session;
    if (this.#hints !== undefined) Object.assign(context, hintsOf(this.#hints, request));
    return context;
  }
}

function tellPrefilled(roleRouter: RoleRouter, request: number): void {
  tell(roleRouter, request, (router) => router.prefilled?.(request));
}

function tellEnded(roleRouter: RoleRouter, request: number, nowMs: number): void {
  // Who ends with the first token is one piece.
  if (roleRouter.news.at(-1)?.prefilled === request) roleRouter.news.pop();
  tell(roleRouter, -1, (router) => router.ended?.(request, nowMs));
}

/** A router hears at once, unless somebody waits there: then it does at the next `sweep`, where one may go after each piece, as in ai-dynamo 1.6.1. */
function tell({ router, line, news }: RoleRouter, prefilled: number, piece: (router: Router) => void): void {
  if (line.length === 0 && news.length === 0) piece(router);
  else news.push({ prefilled, tell: () => piece(router) });
}

function tellAll({ news }: RoleRouter): void {
  if (news.length > 0) for (const piece of news.splice(0)) piece.tell();
}
