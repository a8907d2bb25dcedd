import type { KvEvent } from "./types.ts";

/** A physical block. `contentId` is null until a pass that fills it is scheduled (or where caching is off). */
export interface Block {
  contentId: number | null;
  owners: number;
}

/**
 * The KV cache of the stepping engine: blocks with prefix caching by content id and LRU eviction.
 * Room = blocks without content + cached blocks that nobody owns; the former are used first, the latter oldest first.
 */
export class KvCache {
  readonly #capacity: number;
  readonly #keepDuplicates: boolean;
  readonly #onEvent: (event: KvEvent) => void;
  /** Where a content goes whose last copy is evicted. */
  readonly #lower: KvCache | null;
  /** Copies of a content in the order they were registered; look-ups use the oldest. */
  readonly #copies = new Map<number, Block[]>();
  /** Cached blocks without owner, least recently released first (a Set keeps insertion order). */
  readonly #lru = new Set<Block>();
  #owned = 0;
  evictions = 0;

  constructor(
    capacity: number,
    keepDuplicates: boolean,
    onEvent: (event: KvEvent) => void,
    lower: KvCache | null = null,
  ) {
    this.#capacity = capacity;
    this.#keepDuplicates = keepDuplicates;
    this.#onEvent = onEvent;
    this.#lower = lower;
  }

  /** Blocks that could be taken now. */
  get room(): number {
    return this.#capacity - this.#owned;
  }

  get owned(): number {
    return this.#owned;
  }

  /** The longest run of leading contents that are cached, as blocks. */
  lookup(contentIds: readonly number[]): Block[] {
    const found: Block[] = [];
    for (const id of contentIds) {
      const block = this.#copies.get(id)?.[0];
      if (block === undefined) break;
      found.push(block);
    }
    return found;
  }

  /** Cached blocks that nobody owns. */
  get unowned(): number {
    return this.#lru.size;
  }

  has(contentId: number): boolean {
    return this.#copies.has(contentId);
  }

  /** A content that nobody owns, as the newest: put in, or only moved where it is here. */
  keep(contentId: number): void {
    let block = this.#copies.get(contentId)?.[0];
    if (block === undefined) {
      block = this.allocate();
      this.register(block, contentId);
    } else {
      this.share(block);
    }
    this.release(block);
  }

  isUnowned(block: Block): boolean {
    return block.owners === 0;
  }

  /** One more owner for a cached block. */
  share(block: Block): void {
    if (block.owners === 0) {
      this.#lru.delete(block);
      this.#owned++;
    }
    block.owners++;
  }

  /** An empty block; the caller has checked `room`. */
  allocate(): Block {
    if (this.#owned + this.#lru.size >= this.#capacity) this.#evictOldest();
    this.#owned++;
    return { contentId: null, owners: 1 };
  }

  /** Makes a block findable. Returns the block that the owner holds from now on: an older copy where duplicates are merged. */
  register(block: Block, contentId: number): Block {
    if (block.contentId !== null) return block;
    const copies = this.#copies.get(contentId);
    if (copies === undefined) {
      this.#copies.set(contentId, [block]);
      this.#onEvent({ kind: "stored", blockId: contentId });
    } else if (this.#keepDuplicates) {
      copies.push(block);
    } else {
      this.share(copies[0]!);
      this.release(block);
      return copies[0]!;
    }
    block.contentId = contentId;
    return block;
  }

  release(block: Block): void {
    block.owners--;
    if (block.owners > 0) return;
    this.#owned--;
    if (block.contentId !== null) this.#lru.add(block);
  }

  /** Forgets the contents that nobody owns, without events or counting; returns those that have no copy left. */
  clearUnowned(): number[] {
    const gone: number[] = [];
    for (const block of this.#lru) if (this.#forget(block)) gone.push(block.contentId!);
    this.#lru.clear();
    return gone;
  }

  #evictOldest(): void {
    const oldest = this.#lru.values().next().value!;
    this.#lru.delete(oldest);
    this.evictions++;
    if (!this.#forget(oldest)) return;
    this.#lower?.keep(oldest.contentId!);
    this.#onEvent({ kind: "removed", blockId: oldest.contentId! });
  }

  /** Whether it was the last copy. */
  #forget(block: Block): boolean {
    const id = block.contentId!;
    const copies = this.#copies.get(id)!;
    copies.splice(copies.indexOf(block), 1);
    if (copies.length > 0) return false;
    this.#copies.delete(id);
    return true;
  }
}
