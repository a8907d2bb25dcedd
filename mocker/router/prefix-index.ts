import type { BlockKey, WorkerKey } from "./types.ts";

/** What is known of a block: who has it cached, and how many requests use it on which worker. Workers by slot, in no order. */
export interface KnownBlock {
  readonly key: BlockKey;
  readonly cachedOn: number[];
  readonly usedOn: number[];
  /** Requests that use it, beside `usedOn`. */
  readonly users: number[];
}

interface IndexedWorker {
  readonly key: WorkerKey;
  /** Its place in columns by worker. */
  readonly slot: number;
  /** Blocks it has cached, least recently stored first, with the time they are forgotten at (∞: by an event alone). */
  readonly cached: Map<BlockKey, number>;
  /** Blocks that requests use on it. */
  used: number;
  gone: boolean;
}

/** Leading blocks of a prompt per candidate; valid until the next look-up. */
export interface PrefixMatch {
  /** Cached on the worker. */
  cached: Int32Array;
  /** Used by requests on the worker, so that another request shares them. */
  used: Int32Array;
  /** Distinct blocks that requests use on the worker, whatever they are. */
  usedBlocks: Int32Array;
}

/**
 * Which worker has which blocks cached, and which are in use there. Keys are chained (equal key = equal content and prefix),
 * so that a flat map does what a radix tree does: a prompt is followed block by block until nobody has the next one.
 */
export class PrefixIndex {
  readonly #maxBlocksPerWorker: number;
  readonly #blocks = new Map<BlockKey, KnownBlock>();
  readonly #workers = new Map<WorkerKey, IndexedWorker>();
  readonly #freeSlots: number[] = [];
  #slots = 0;
  /** Leading blocks found, by slot. */
  #cachedDepth = new Int32Array(16);
  #usedDepth = new Int32Array(16);
  #match: PrefixMatch = newMatch(16);

  /** @param maxBlocksPerWorker beyond it, a worker's oldest cached blocks are forgotten */
  constructor(maxBlocksPerWorker: number) {
    this.#maxBlocksPerWorker = maxBlocksPerWorker;
  }

  /** Distinct blocks, cached or in use. */
  get size(): number {
    return this.#blocks.size;
  }

  cachedBlocks(worker: WorkerKey): number {
    return this.#workers.get(worker)?.cached.size ?? 0;
  }

  usedBlocks(worker: WorkerKey): number {
    return this.#workers.get(worker)?.used ?? 0;
  }

  // ── caches ──────────────────────────────────────────────────────────────────────────────────────────────────────

  /** The worker has these blocks now; known ones count as stored anew. */
  stored(worker: WorkerKey, blocks: Iterable<BlockKey>, untilMs = Number.POSITIVE_INFINITY): void {
    const { slot, cached } = this.#worker(worker);
    for (const key of blocks) {
      if (!cached.delete(key)) this.#block(key).cachedOn.push(slot);
      cached.set(key, untilMs);
    }
    const entry = this.#workers.get(worker)!;
    while (cached.size > this.#maxBlocksPerWorker) this.#uncache(entry, cached.keys().next().value!);
  }

  removed(worker: WorkerKey, blocks: Iterable<BlockKey>): void {
    const entry = this.#workers.get(worker);
    if (entry === undefined) return;
    for (const key of blocks) if (entry.cached.has(key)) this.#uncache(entry, key);
  }

  /** The worker's cache is empty. */
  cleared(worker: WorkerKey): void {
    const entry = this.#workers.get(worker);
    if (entry === undefined) return;
    for (const key of entry.cached.keys()) this.#uncache(entry, key);
  }

  /** The worker's cache is gone; what requests use there stays until they release it. */
  workerRemoved(worker: WorkerKey): void {
    const entry = this.#workers.get(worker);
    if (entry === undefined) return;
    this.cleared(worker);
    entry.gone = true;
    this.#freeIfEmpty(entry);
  }

  /** Forgets what was stored with a time up to `nowMs`; such blocks are stored in order of that time. */
  expire(nowMs: number): void {
    for (const entry of this.#workers.values()) {
      for (const [key, untilMs] of entry.cached) {
        if (untilMs > nowMs) break;
        this.#uncache(entry, key);
      }
    }
  }

  // ── requests ────────────────────────────────────────────────────────────────────────────────────────────────────

  /** One more request uses the first `length` of `blocks` on the worker. @returns what `release` wants */
  use(worker: WorkerKey, blocks: ArrayLike<BlockKey>, length: number): KnownBlock[] {
    const entry = this.#worker(worker);
    const used: KnownBlock[] = [];
    for (let i = 0; i < length; i++) {
      const block = this.#block(blocks[i]!);
      const place = block.usedOn.indexOf(entry.slot);
      if (place >= 0) {
        block.users[place]!++;
      } else {
        block.usedOn.push(entry.slot);
        block.users.push(1);
        entry.used++;
      }
      used.push(block);
    }
    return used;
  }

  /** The request has left. */
  release(worker: WorkerKey, used: readonly KnownBlock[]): void {
    const entry = this.#workers.get(worker);
    if (entry === undefined) return;
    for (const block of used) {
      const place = block.usedOn.indexOf(entry.slot);
      if (--block.users[place]! > 0) continue;
      takeOut(block.usedOn, place);
      takeOut(block.users, place);
      entry.used--;
      this.#dropIfUnknown(block);
    }
    this.#freeIfEmpty(entry);
  }

  /**
   * How far a prompt's blocks are known on each of `workers`.
   * @param length how many of `blocks` to follow at most
   */
  match(
    blocks: ArrayLike<BlockKey>,
    length: number,
    workers: ArrayLike<WorkerKey>,
    count: number,
  ): Readonly<PrefixMatch> {
    const cachedDepth = this.#cachedDepth.fill(0, 0, this.#slots);
    const usedDepth = this.#usedDepth.fill(0, 0, this.#slots);
    for (let i = 0; i < length; i++) {
      const block = this.#blocks.get(blocks[i]!);
      if (block === undefined) break;
      const cachedFurther = deepen(cachedDepth, block.cachedOn, i);
      if (!deepen(usedDepth, block.usedOn, i) && !cachedFurther) break;
    }
    if (this.#match.cached.length < count) this.#match = newMatch(count * 2);
    const { cached, used, usedBlocks } = this.#match;
    for (let i = 0; i < count; i++) {
      const entry = this.#workers.get(workers[i]!);
      cached[i] = entry === undefined ? 0 : cachedDepth[entry.slot]!;
      used[i] = entry === undefined ? 0 : usedDepth[entry.slot]!;
      usedBlocks[i] = entry === undefined ? 0 : entry.used;
    }
    return this.#match;
  }

  // ── entries ─────────────────────────────────────────────────────────────────────────────────────────────────────

  #worker(key: WorkerKey): IndexedWorker {
    let entry = this.#workers.get(key);
    if (entry !== undefined) {
      entry.gone = false;
      return entry;
    }
    entry = { key, slot: this.#freeSlots.pop() ?? this.#slots++, cached: new Map(), used: 0, gone: false };
    if (this.#slots > this.#cachedDepth.length) {
      this.#cachedDepth = new Int32Array(this.#slots * 2);
      this.#usedDepth = new Int32Array(this.#slots * 2);
    }
    this.#workers.set(key, entry);
    return entry;
  }

  #block(key: BlockKey): KnownBlock {
    let block = this.#blocks.get(key);
    if (block === undefined) {
      block = { key, cachedOn: [], usedOn: [], users: [] };
      this.#blocks.set(key, block);
    }
    return block;
  }

  #uncache(entry: IndexedWorker, key: BlockKey): void {
    entry.cached.delete(key);
    const block = this.#blocks.get(key)!;
    takeOut(block.cachedOn, block.cachedOn.indexOf(entry.slot));
    this.#dropIfUnknown(block);
  }

  #dropIfUnknown(block: KnownBlock): void {
    if (block.cachedOn.length === 0 && block.usedOn.length === 0) this.#blocks.delete(block.key);
  }

  #freeIfEmpty(entry: IndexedWorker): void {
    if (!entry.gone || entry.used > 0 || entry.cached.size > 0) return;
    this.#workers.delete(entry.key);
    this.#freeSlots.push(entry.slot);
  }
}

function newMatch(length: number): PrefixMatch {
  return { cached: new Int32Array(length), used: new Int32Array(length), usedBlocks: new Int32Array(length) };
}

/** Whoever has block `at`, having all before it, has one more. @returns whether there was anybody */
function deepen(depth: Int32Array, slots: readonly number[], at: number): boolean {
  let anybody = false;
  for (let i = 0; i < slots.length; i++) {
    const slot = slots[i]!;
    if (depth[slot] !== at) continue;
    depth[slot] = at + 1;
    anybody = true;
  }
  return anybody;
}

/** The last takes the place. */
function takeOut(list: number[], place: number): void {
  list[place] = list.at(-1)!;
  list.pop();
}
