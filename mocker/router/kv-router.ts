import type { RandomStream } from "#common";
import { ActiveLoad } from "./active-load.ts";
import { busyAbove, classOf, type PolicyProfile } from "./policies.ts";
import { PrefixIndex, type PrefixMatch } from "./prefix-index.ts";
import type { QueueClass } from "./queue.ts";
import { type QueuePolicy, type QueueRank, queueRank } from "./queue-rank.ts";
import { sampleCost } from "./sample.ts";
import type { BlockKey, CachedBlocks, RouteContext, Router, WorkerKey } from "./types.ts";

export interface KvRouterOptions {
  /** Which pool it routes for: prefill workers cost prompts alone, decode workers blocks alone. */
  role: "aggregated" | "prefill" | "decode";
  /** Tokens per block. */
  blockSize: number;
  /** What a cached block takes off the prefill cost, in blocks (Dynamo's overlap credit). Default 1; 0 ignores caches. */
  overlapWeight?: number;
  /** How fast a worker's overlap credit falls with the prompts that it has to compute beyond the idlest candidate's (1: half of it at one such prompt). Default 0: it does not. */
  overlapDecay?: number;
  /** Weight of a prompt block to compute against an active block. Default 1. */
  prefillWeight?: number;
  /** Whether blocks in use count. Default true. */
  tracksBlocks?: boolean;
  /** Whether prompts on their way count: what workers have yet to compute of others. Default true. */
  tracksPrompts?: boolean;
  /** Whether requests use blocks of the same content together. Default true. */
  sharesBlocks?: boolean;
  /** What each request on a worker costs, in blocks. Default 0. */
  requestWeight?: number;
  /** Default 0: always the lowest cost. */
  temperature?: number;
  /** Draws among equals and by temperature; null: the first of equals, and no temperature. */
  random: RandomStream | null;
  /**
   * Whether KV events tell what is cached. Without, what was routed to a worker counts as cached there for a while
   * (Dynamo's `--no-kv-events`). Default true.
   */
  events?: boolean;
  /** How long, ms of `RouteContext.nowMs`. Default 120 000, as Dynamo's. */
  ttlMs?: number;
  /** Blocks remembered per worker at most. Default 2²⁰. */
  maxBlocksPerWorker?: number;
  /** `isBusy` where every candidate has more uncached prompt tokens to compute than this; null: never. Default null. */
  queueAboveTokens?: number | null;
  /** Default fcfs. */
  queuePolicy?: QueuePolicy;
  /** Queues with thresholds and policies of their own, in place of the two above; null: none. Default null. */
  policies?: PolicyProfile | null;
  /** Token budget of a worker's pass, for the classes' thresholds; null: not known. Default null. */
  budgetTokens?: number | null;
  /** Time until what workers tell of their caches is known, ms of `RouteContext.nowMs`. Default 0. */
  eventLagMs?: number;
}

/** What a worker told of its cache, and from when on it counts. */
interface LateEvent {
  worker: WorkerKey;
  kind: "stored" | "removed";
  block: BlockKey;
  atMs: number;
}

/** What led to the last choice. */
export interface KvChoice {
  cost: number;
  /** Leading blocks of the prompt cached on the chosen worker, and on the candidate that has most of them. */
  overlapBlocks: number;
  bestOverlapBlocks: number;
  /** Full blocks of the prompt. */
  promptBlocks: number;
}

/**
 * Dynamo's KV-aware router: sends a request where the blocks that are still to be computed, together with the blocks in use
 * there, are fewest (lib/kv-router/src/scheduling/selector.rs). For a prompt of n full blocks of which `hit` are cached on a
 * worker, m are in use there, and T prompt tokens are waiting there to be computed:
 *
 *     prefill = max(0, (T + isl) / blockSize − overlapWeight · hit)      where T counts uncached tokens alone
 *     cost    = prefillWeight · prefill + active blocks + n − m           (aggregated)
 *
 * A prefill worker has no second part; a decode worker has no first, and its requests share nothing.
 */
export class KvRouter implements Router {
  readonly index: PrefixIndex;
  readonly load: ActiveLoad;
  readonly #options: Required<KvRouterOptions>;
  /** By class, prompt tokens on every candidate above which its requests wait; null: never. */
  readonly #busyAbove: readonly (number | null)[];
  #costs = new Float64Array(16);
  /** In order of time. */
  #late: LateEvent[] = [];
  #last: KvChoice | null = null;
  /** Prompt and worker of the last choice: whoever goes there next needs no second look-up. */
  #chosenBlocks: ArrayLike<BlockKey> | null = null;
  #chosenWorker: WorkerKey = -1;

  constructor(options: KvRouterOptions) {
    this.#options = {
      overlapWeight: 1,
      overlapDecay: 0,
      prefillWeight: 1,
      tracksBlocks: true,
      tracksPrompts: true,
      sharesBlocks: true,
      requestWeight: 0,
      temperature: 0,
      events: true,
      ttlMs: 120_000,
      maxBlocksPerWorker: 2 ** 20,
      queueAboveTokens: null,
      queuePolicy: "fcfs",
      policies: null,
      budgetTokens: null,
      eventLagMs: 0,
      ...options,
    };
    const { policies, budgetTokens, queueAboveTokens } = this.#options;
    this.#busyAbove = policies?.classes.map((of) => busyAbove(of, budgetTokens)) ?? [queueAboveTokens];
    this.index = new PrefixIndex(this.#options.maxBlocksPerWorker);
    this.load = new ActiveLoad(this.index);
  }

  /** A worker tells of a block. It counts from `eventLagMs` later on. */
  cacheChanged(worker: WorkerKey, kind: "stored" | "removed", block: BlockKey, nowMs: number): void {
    const { eventLagMs } = this.#options;
    if (eventLagMs === 0) this.index[kind](worker, [block]);
    else this.#late.push({ worker, kind, block, atMs: nowMs + eventLagMs });
  }

  get classes(): readonly QueueClass[] | undefined {
    return this.#options.policies?.classes;
  }

  /** Whether it goes by what workers tell of their caches. */
  get followsEvents(): boolean {
    return this.#options.events;
  }

  /** Of the last call to `choose` with a context; null before it. */
  get last(): KvChoice | null {
    return this.#last;
  }

  /** Without a context it balances like the least-loaded router. */
  choose(outstanding: ArrayLike<number>, count: number, context?: RouteContext): number {
    const { temperature, random } = this.#options;
    if (context === undefined) return sampleCost(outstanding, count, 0, random);
    this.#expire(context);
    if (count > this.#costs.length) this.#costs = new Float64Array(count * 2);
    const costs = this.#costs;
    const promptBlocks = this.#promptBlocks(context);
    // What decode workers have cached saves nothing, since their prompts are computed elsewhere.
    const followed = this.#options.role === "decode" ? 0 : Math.min(promptBlocks, context.blocks.length);
    const match = this.index.match(context.blocks, followed, context.workers, count);
    const hits =
      context.seen === undefined || followed === 0 ? match.cached : this.#seenBy(context, context.seen, count);
    const idlest = this.#options.overlapDecay > 0 ? this.#leastPrefillTokens(context.workers, count) : 0;
    let best = 0;
    for (let i = 0; i < count; i++) {
      costs[i] = this.#cost(context, i, promptBlocks, match, hits[i]!, idlest);
      if (hits[i]! > best) best = hits[i]!;
    }
    const chosen = sampleCost(costs, count, temperature, random);
    this.#last = { cost: costs[chosen]!, overlapBlocks: hits[chosen]!, bestOverlapBlocks: best, promptBlocks };
    this.#chosenBlocks = context.blocks;
    this.#chosenWorker = context.workers[chosen]!;
    return chosen;
  }

  routed(request: string | number, worker: WorkerKey, context: RouteContext): void {
    this.#expire(context);
    const { role, blockSize, events, ttlMs, tracksBlocks, tracksPrompts, sharesBlocks } = this.#options;
    const { blocks, isl, nowMs = 0 } = context;
    const length = this.#promptBlocks(context);
    const usedBlocks = tracksBlocks ? length : 0;
    if (role === "decode") {
      this.load.add(request, worker, 0, usedBlocks, []);
      return;
    }
    const named = Math.min(length, blocks.length);
    const isAsChosen = this.#chosenBlocks === blocks && this.#chosenWorker === worker;
    const hit = isAsChosen ? this.#last!.overlapBlocks : this.index.match(blocks, named, [worker], 1).cached[0]!;
    this.#chosenBlocks = null;
    const missing = tracksPrompts ? Math.max(0, isl - hit * blockSize) : 0;
    this.load.add(request, worker, missing, usedBlocks, sharesBlocks ? blocks : []);
    if (events) return;
    // The end of a prompt goes in first, so that it is the first to be forgotten.
    const last: BlockKey[] = [];
    for (let i = named - 1; i >= 0; i--) last.push(blocks[i]!);
    this.index.stored(worker, last, nowMs + ttlMs);
  }

  prefilled(request: string | number): void {
    this.load.prefilled(request);
  }

  ended(request: string | number): void {
    this.load.ended(request);
  }

  workerRemoved(worker: WorkerKey): void {
    this.load.workerRemoved(worker);
    this.index.workerRemoved(worker);
    if (this.#late.length > 0) this.#late = this.#late.filter((event) => event.worker !== worker);
  }

  /** As Dynamo's `--router-queue-threshold`: more than the threshold on every candidate. */
  isBusy({ workers }: RouteContext, place = 0): boolean {
    const above = this.#busyAbove[place] ?? null;
    if (above === null || this.#options.role === "decode") return false;
    for (let i = 0; i < workers.length; i++) {
      if (this.load.of(workers[i]!).prefillTokens <= above) return false;
    }
    return workers.length > 0;
  }

  rank(context: RouteContext): QueueRank {
    const { queuePolicy, policies, blockSize } = this.#options;
    const seen = this.#cachedBlocks(context);
    let most = 0;
    for (const blocks of seen.values()) most = Math.max(most, blocks);
    const cachedTokens = most * blockSize;
    if (policies === null) return { ...queueRank(queuePolicy, context, cachedTokens), seen };
    const { isl, policyClass } = context;
    const place = classOf(policies, policyClass, () => isl - cachedTokens);
    const rank = queueRank(policies.classes[place]!.queuePolicy, context, cachedTokens);
    return { ...rank, seen, standing: { place, promptTokens: isl, cachedTokens } };
  }

  /** What each candidate has cached of the prompt. */
  #cachedBlocks(context: RouteContext): CachedBlocks {
    this.#expire(context);
    const { blocks, workers } = context;
    const followed = Math.min(this.#promptBlocks(context), blocks.length);
    const { cached } = this.index.match(blocks, followed, workers, workers.length);
    const found = new Map<WorkerKey, number>();
    for (let i = 0; i < workers.length; i++) if (cached[i]! > 0) found.set(workers[i]!, cached[i]!);
    return found;
  }

  /** By candidate. */
  #seenBy({ workers }: RouteContext, seen: CachedBlocks, count: number): Int32Array {
    return Int32Array.from({ length: count }, (_, place) => seen.get(workers[place]!) ?? 0);
  }

  #expire(context: RouteContext): void {
    const { nowMs } = context;
    if (nowMs === undefined) return;
    if (!this.#options.events) this.index.expire(nowMs);
    if (this.#late.length > 0) this.#hear(nowMs);
  }

  #hear(nowMs: number): void {
    const ahead = this.#late.findIndex(({ atMs }) => atMs > nowMs);
    const due = this.#late.splice(0, ahead < 0 ? this.#late.length : ahead);
    for (const { worker, kind, block } of due) this.index[kind](worker, [block]);
  }

  #leastPrefillTokens(workers: ArrayLike<WorkerKey>, count: number): number {
    let least = Number.POSITIVE_INFINITY;
    for (let i = 0; i < count; i++) least = Math.min(least, this.load.of(workers[i]!).prefillTokens);
    return least;
  }

  #promptBlocks({ isl }: RouteContext): number {
    return Math.floor(isl / this.#options.blockSize);
  }

  #cost(
    { isl, workers }: RouteContext,
    place: number,
    promptBlocks: number,
    match: Readonly<PrefixMatch>,
    hit: number,
    idlestTokens: number,
  ): number {
    const { role, blockSize, overlapDecay, prefillWeight, tracksPrompts, requestWeight } = this.#options;
    const load = this.load.of(workers[place]!);
    const others = requestWeight * load.requests;
    if (role === "decode") return load.requestBlocks + promptBlocks + others;
    const waiting = (load.prefillTokens + Math.max(isl, hit * blockSize)) / blockSize;
    const excess = overlapDecay === 0 ? 0 : (load.prefillTokens - idlestTokens) / isl;
    const overlapWeight = this.#options.overlapWeight / (1 + overlapDecay * excess);
    const prefill = (tracksPrompts ? prefillWeight * Math.max(0, waiting - overlapWeight * hit) : 0) + others;
    if (role === "prefill") return prefill;
    return prefill + match.usedBlocks[place]! + load.unnamedBlocks + promptBlocks - match.used[place]!;
  }
}
