import type { BlockKey, WorkerKey } from "./types.ts";

interface IndexedWorker {
  /** Place in the scratch array of a look-up. */
  slot: number;
  /** Blocks it holds, least recently stored first, with the time they are forgotten at (∞: by an event alone). */
  blocks: Map<BlockKey, number>;
}

/** Workers by slot that hold a block; a single one, which is the most frequent case, without a set around it. */
type Holders = number | Set<number>;

/**
 * Which worker has which blocks cached. Keys are chained (equal key = equal content and prefix), so that a flat map does
 * what a radix tree does: a prompt is followed block by block until nobody has the next one.
 */
export class PrefixIndex {
  readonly #maxBlocksPerWorker: number;
  readonly #holders = new Map<BlockKey, Holders>();
  readonly #workers = new Map<WorkerKey, IndexedWorker>();
  readonly #freeSlots: number[] = [];
  #slots = 0;
  /** Leading blocks found per slot. */
  #depth = new Int32Array(16);

  /** @param maxBlocksPerWorker beyond it, a worker's oldest blocks are forgotten */
  constructor(maxBlocksPerWorker: number) {
    this.#maxBlocksPerWorker = maxBlocksPerWorker;
  }

  /** Distinct blocks. */
  get size(): number {
    return this.#holders.size;
  }

  blocksOf(worker: WorkerKey): number {
    return this.#workers.get(worker)?.blocks.size ?? 0;
  }

  /** The worker has these blocks now; known ones count as stored anew. */
  stored(worker: WorkerKey, blocks: Iterable<BlockKey>, untilMs = Number.POSITIVE_INFINITY): void {
    const entry = this.#worker(worker);
    for (const block of blocks) {
      if (!entry.blocks.delete(block)) this.#addHolder(block, entry.slot);
      entry.blocks.set(block, untilMs);
    }
    while (entry.blocks.size > this.#maxBlocksPerWorker) this.#forget(entry, entry.blocks.keys().next().value!);
  }

  removed(worker: WorkerKey, blocks: Iterable<BlockKey>): void {
    const entry = this.#workers.get(worker);
    if (entry === undefined) return;
    for (const block of blocks) if (entry.blocks.has(block)) this.#forget(entry, block);
  }

  /** The worker's cache is empty. */
  cleared(worker: WorkerKey): void {
    const entry = this.#workers.get(worker);
    if (entry === undefined) return;
    for (const block of entry.blocks.keys()) this.#removeHolder(block, entry.slot);
    entry.blocks.clear();
  }

  workerRemoved(worker: WorkerKey): void {
    const entry = this.#workers.get(worker);
    if (entry === undefined) return;
    this.cleared(worker);
    this.#workers.delete(worker);
    this.#freeSlots.push(entry.slot);
  }

  /** Forgets what was stored with a time up to `nowMs`; such blocks are stored in order of that time. */
  expire(nowMs: number): void {
    for (const entry of this.#workers.values()) {
      for (const [block, untilMs] of entry.blocks) {
        if (untilMs > nowMs) break;
        this.#forget(entry, block);
      }
    }
  }

  /**
   * Leading blocks of a prompt that each of `workers` has.
   * @param length how many of `blocks` to follow at most
   * @param found result per worker; at least as long as `count`
   */
  match(
    blocks: ArrayLike<BlockKey>,
    length: number,
    workers: ArrayLike<WorkerKey>,
    count: number,
    found: Int32Array,
  ): void {
    const depth = this.#depth;
    depth.fill(0, 0, this.#slots);
    for (let i = 0; i < length; i++) {
      const holders = this.#holders.get(blocks[i]!);
      if (holders === undefined) break;
      let anyGoesOn = false;
      if (typeof holders === "number") {
        if (depth[holders] === i) {
          depth[holders] = i + 1;
          anyGoesOn = true;
        }
      } else {
        for (const slot of holders) {
          if (depth[slot] !== i) continue;
          depth[slot] = i + 1;
          anyGoesOn = true;
        }
      }
      if (!anyGoesOn) break;
    }
    for (let i = 0; i < count; i++) {
      const entry = this.#workers.get(workers[i]!);
      found[i] = entry === undefined ? 0 : depth[entry.slot]!;
    }
  }

  #worker(worker: WorkerKey): IndexedWorker {
    let entry = this.#workers.get(worker);
    if (entry !== undefined) return entry;
    entry = { slot: this.#freeSlots.pop() ?? this.#slots++, blocks: new Map() };
    if (this.#slots > this.#depth.length) this.#depth = new Int32Array(this.#slots * 2);
    this.#workers.set(worker, entry);
    return entry;
  }

  #forget(entry: IndexedWorker, block: BlockKey): void {
    entry.blocks.delete(block);
    this.#removeHolder(block, entry.slot);
  }

  #addHolder(block: BlockKey, slot: number): void {
    const holders = this.#holders.get(block);
    if (holders === undefined) this.#holders.set(block, slot);
    else if (typeof holders === "number") this.#holders.set(block, new Set([holders, slot]));
    else holders.add(slot);
  }

  #removeHolder(block: BlockKey, slot: number): void {
    const holders = this.#holders.get(block);
    if (holders === slot) this.#holders.delete(block);
    if (typeof holders !== "object") return;
    holders.delete(slot);
    if (holders.size === 1) this.#holders.set(block, holders.values().next().value!);
  }
}
