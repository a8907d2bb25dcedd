import { contentId } from "../content.ts";
import { footprintBlocks, reservesOutput } from "../no-evict.ts";
import { reportedEvents } from "../reported-events.ts";
import type { EngineConfig, KvEvent } from "../types.ts";
import { BlockPool } from "./block-pool.ts";
import { Flag, type SequenceStore } from "./sequence-store.ts";

/** Which blocks a request owns: leading ones by record, the rest as a count. */
export class SequenceBlocks {
  readonly pool: BlockPool;
  /** Host memory: a pool of which nobody owns a block. */
  readonly #host: BlockPool | null;
  readonly #store: SequenceStore;
  readonly #blockSize: number;
  readonly #caching: boolean;
  readonly #keepDuplicates: boolean;
  /** With KV events of all blocks every full block has a record. */
  readonly #recordAll: boolean;
  readonly #hits: number[] = [];
  /** Blocks behind the hits of the last look-up that host memory has. */
  hostHitCount = 0;
  /** Who is admitted is promised all blocks it will need. */
  readonly promises: boolean;
  readonly #config: EngineConfig;
  /** How often a request has given its blocks back. */
  releases = 0;
  /** Blocks promised and not yet taken. */
  promised = 0;

  constructor(config: EngineConfig, store: SequenceStore, onEvent: (event: KvEvent) => void) {
    const { numGpuBlocks, kvOffload } = config;
    this.#host = kvOffload === null ? null : new BlockPool(kvOffload.hostBlocks, null);
    this.pool = new BlockPool(numGpuBlocks, reportedEvents(config, onEvent), this.#host);
    this.#store = store;
    this.#blockSize = config.blockSize;
    this.#caching = config.prefixCaching;
    this.#keepDuplicates = config.quirks.duplicateBlocks;
    this.#recordAll = config.kvEvents === true;
    this.#config = config;
    this.promises = reservesOutput(config);
  }

  /** Finds the longest cached run of leading blocks; `hitCount` and `unownedHits` speak of the last look-up. */
  lookup(request: number, maxBlocks: number): void {
    if (this.#hits.length > 0) this.#hits.length = 0;
    this.hostHitCount = 0;
    if (!this.#caching) return;
    const { columns, flags } = this.#store;
    if (columns.blockIds === null && (flags[request]! & Flag.preempted) === 0) return;
    const findable =
      (flags[request]! & Flag.preempted) !== 0 ? maxBlocks : Math.min(maxBlocks, this.#store.sharedBlocks(request));
    for (let index = 0; index < findable; index++) {
      const record = this.pool.find(contentId(columns, request, index));
      if (record < 0) {
        if (this.#host !== null) this.#lookupInHost(request, index, findable);
        return;
      }
      this.#hits.push(record);
    }
  }

  #lookupInHost(request: number, fromBlock: number, maxBlocks: number): void {
    let end = fromBlock;
    while (end < maxBlocks && this.#host!.find(contentId(this.#store.columns, request, end)) >= 0) end++;
    this.hostHitCount = end - fromBlock;
  }

  /** What the last look-up found in host memory is read there, and stays; tail first, so that tails are evicted before heads. */
  readHost(request: number): void {
    const fromBlock = this.#hits.length;
    for (let index = fromBlock + this.hostHitCount - 1; index >= fromBlock; index--) {
      this.#host!.keep(contentId(this.#store.columns, request, index));
    }
  }

  /** The last look-up found one block less. */
  dropLastHit(): void {
    if (this.hostHitCount > 0) this.hostHitCount--;
    else this.#hits.pop();
  }

  get inHost(): number {
    return this.#host?.cached ?? 0;
  }

  get hitCount(): number {
    return this.#hits.length;
  }

  get unownedHits(): number {
    let unowned = 0;
    for (let i = 0; i < this.#hits.length; i++) if (this.pool.isUnowned(this.#hits[i]!)) unowned++;
    return unowned;
  }

  /** Gives the blocks of the last look-up to a request that owns none. */
  takeHits(request: number): void {
    const hits = this.#hits;
    for (let i = 0; i < hits.length; i++) {
      this.pool.share(hits[i]!);
      this.#store.addRecord(request, hits[i]!);
    }
    this.#store.blocks[request] = hits.length;
  }

  /** Blocks that `tokens` tokens need beyond what the request owns. */
  missing(request: number, tokens: number): number {
    return Math.max(0, Math.ceil(tokens / this.#blockSize) - this.#store.blocks[request]!);
  }

  /** Blocks that a request needs by its end, beyond what it owns. */
  stillToCome(request: number): number {
    const { columns, osl, blocks } = this.#store;
    return footprintBlocks(this.#config, columns.isl[request]!, osl[request]!) - blocks[request]!;
  }

  /**
   * Blocks for which there must be room before a request that wants `wanted`, those of the last look-up among them, comes in: where
   * the family never preempts, all that it and everybody with a promise will need beyond what they own.
   */
  neededRoom(request: number, wanted: number): number {
    const needed = this.promises ? this.stillToCome(request) + this.promised : wanted;
    return needed - this.hitCount + this.unownedHits;
  }

  /** All that an admitted request will need is kept for it, where the family does that. */
  promise(request: number): void {
    if (!this.promises) return;
    this.#store.flags[request]! |= Flag.promised;
    this.promised += this.stillToCome(request);
  }

  /** It needs no more than it owns. */
  dropPromise(request: number): void {
    const { flags } = this.#store;
    if ((flags[request]! & Flag.promised) === 0) return;
    this.promised -= this.stillToCome(request);
    flags[request]! &= ~Flag.promised;
  }

  /** Decoding requests, whichever, begin so many blocks. */
  takeDecoding(blocks: number): void {
    this.pool.takeAnonymous(blocks);
    if (this.promises) this.promised -= blocks;
  }

  /** Takes what `missing` says; false (and nothing taken) where there is no room. */
  grow(request: number, tokens: number): boolean {
    const missing = this.missing(request, tokens);
    if (missing > this.pool.room) return false;
    if (missing > 0) {
      this.pool.takeAnonymous(missing);
      if ((this.#store.flags[request]! & Flag.promised) !== 0) this.promised -= missing;
      this.#store.blocks[request]! += missing;
    }
    return true;
  }

  /** Gives back the blocks behind those that `tokens` tokens need: nothing is in them yet. */
  shrink(request: number, tokens: number): void {
    const surplus = this.#store.blocks[request]! - Math.ceil(tokens / this.#blockSize);
    if (surplus <= 0) return;
    this.pool.freeAnonymous(surplus);
    if ((this.#store.flags[request]! & Flag.promised) !== 0) this.promised += surplus;
    this.#store.blocks[request]! -= surplus;
  }

  /** Blocks that a scheduled pass fills become findable. */
  fill(request: number, fromTokens: number, toTokens: number): void {
    if (!this.#caching) return;
    const findsAll = this.#recordAll || (this.#store.flags[request]! & Flag.preempted) !== 0;
    const shared = findsAll ? Number.POSITIVE_INFINITY : this.#store.sharedBlocks(request);
    if (shared === 0) return;
    const to = Math.min(shared, Math.floor(toTokens / this.#blockSize));
    const from = Math.max(Math.floor(fromTokens / this.#blockSize), this.#store.recordCount(request));
    for (let index = from; index < to; index++) this.#fillFindable(request, index);
  }

  #fillFindable(request: number, index: number): void {
    const content = contentId(this.#store.columns, request, index);
    const existing = this.#keepDuplicates ? -1 : this.pool.find(content);
    // What a preempted request computes again may be in host memory, too.
    const again = this.#host !== null && (this.#store.flags[request]! & Flag.preempted) !== 0;
    const shared = this.#recordAll || again || index < this.#store.sharedBlocks(request);
    if (existing < 0 && !shared) return;
    // Records stand for a prefix of the blocks: full anonymous ones before this one get theirs first.
    this.#recordUpTo(request, index);
    if (existing >= 0) {
      this.pool.share(existing);
      this.pool.freeAnonymous(1);
      this.#store.addRecord(request, existing);
    } else {
      this.#store.addRecord(request, this.pool.createRecord(content));
    }
  }

  #recordUpTo(request: number, end: number): void {
    for (let index = this.#store.recordCount(request); index < end; index++) {
      this.#store.addRecord(request, this.pool.createRecord(contentId(this.#store.columns, request, index)));
    }
  }

  /** Releases everything, tail first. `filledTokens`: tokens whose blocks have been filled. */
  releaseFinished(request: number, filledTokens: number): void {
    this.#release(request, filledTokens, false);
  }

  /** The same, but what the request filled stays findable for it. */
  releasePreempted(request: number, filledTokens: number): void {
    this.#release(request, filledTokens, true);
  }

  #release(request: number, filledTokens: number, keepFindable: boolean): void {
    this.releases++;
    const { pool } = this;
    const store = this.#store;
    this.dropPromise(request);
    const full = this.#caching ? Math.floor(filledTokens / this.#blockSize) : 0;
    // What was generated under a name is found from now on: who repeats it comes after this end.
    const named = Math.min(full, store.sharedBlocks(request));
    for (let index = store.recordCount(request); index < named; index++) this.#fillFindable(request, index);
    if (keepFindable) this.#recordUpTo(request, full);
    const recorded = store.recordCount(request);
    const anonymousFull = Math.max(0, full - recorded);
    pool.freeAnonymous(store.blocks[request]! - recorded - anonymousFull);
    pool.retireAnonymous(anonymousFull);
    if (recorded > 0) {
      const records = store.records[request]!;
      for (let i = recorded - 1; i >= 0; i--) pool.release(records[i]!);
      store.dropRecords(request);
    }
    store.blocks[request] = 0;
  }
}
