import { type Block, KvCache } from "./kv-cache.ts";
import { footprintBlocks, mostHitBlocks, reservesOutput } from "./no-evict.ts";
import { reportedEvents } from "./reported-events.ts";
import type { Sequence } from "./sequence.ts";
import { recomputesLastHit } from "./speculation.ts";
import type { EngineConfig, EngineListener, KvEvent, RequestSource } from "./types.ts";

/** The blocks that sequences of a stepping engine own, and the cache they come from. */
export class OwnedBlocks {
  readonly #config: EngineConfig;
  readonly #requests: RequestSource;
  readonly #cache: KvCache;
  /** Host memory: a cache of which nobody owns a block. */
  readonly #host: KvCache | null;
  /** How often a sequence has given its blocks back. */
  releases = 0;

  readonly #onHostEvent: (event: KvEvent) => void;

  constructor(
    config: EngineConfig,
    requests: RequestSource,
    listener: Pick<EngineListener, "kvEvent" | "hostKvEvent">,
    nowMs: () => number,
  ) {
    this.#onHostEvent = (event) => listener.hostKvEvent?.(event);
    this.#config = config;
    this.#requests = requests;
    const tell = reportedEvents(config, (event) => listener.kvEvent(event, nowMs()));
    const { numGpuBlocks, quirks, kvOffload } = config;
    this.#host = kvOffload === null ? null : new KvCache(kvOffload.hostBlocks, false, this.#onHostEvent);
    this.#cache = new KvCache(numGpuBlocks, quirks.duplicateBlocks, (event) => tell?.(event), this.#host);
  }

  /** Blocks that could be taken now. */
  get room(): number {
    return this.#cache.room;
  }

  get owned(): number {
    return this.#cache.owned;
  }

  get inHost(): number {
    return this.#host?.unowned ?? 0;
  }

  get evictions(): number {
    return this.#cache.evictions;
  }

  /** The longest cached run of leading blocks. */
  lookup(sequence: Sequence, maxBlocks: number): Block[] {
    if (!this.#config.prefixCaching) return [];
    const ids = Array.from({ length: maxBlocks }, (_, index) => this.#requests.contentId(sequence.id, index));
    return this.#cache.lookup(ids);
  }

  /** What is cached of the tokens that a sequence has by now, and how many of the blocks behind that host memory has. */
  cachedPrefix(sequence: Sequence, totalTokens: number): { hits: Block[]; hostHits: number } {
    const most = mostHitBlocks(this.#config, totalTokens);
    const hits = this.lookup(sequence, most);
    let end = hits.length;
    while (end < most && this.#host?.has(this.#requests.contentId(sequence.id, end))) end++;
    if (end > 0 && recomputesLastHit(this.#config)) {
      end--;
      if (hits.length > end) hits.pop();
    }
    return { hits, hostHits: end - hits.length };
  }

  /** They are read in host memory, and stay there; tail first, so that tails are evicted before heads. */
  readHost(sequence: Sequence, fromBlock: number, blocks: number): void {
    for (let index = fromBlock + blocks - 1; index >= fromBlock; index--) {
      this.#host!.keep(this.#requests.contentId(sequence.id, index));
    }
  }

  /** How many of them nobody owns: who takes them takes room. */
  unowned(blocks: readonly Block[]): number {
    return blocks.filter((block) => this.#cache.isUnowned(block)).length;
  }

  /** Gives cached blocks to a sequence that owns none. */
  share(sequence: Sequence, blocks: Block[]): void {
    for (const block of blocks) this.#cache.share(block);
    sequence.blocks = blocks;
  }

  /** Takes the blocks that `tokens` tokens need; false (and nothing taken) where there is no room. */
  grow(sequence: Sequence, tokens: number): boolean {
    const missing = Math.ceil(tokens / this.#config.blockSize) - sequence.blocks.length;
    if (missing > this.#cache.room) return false;
    for (let i = 0; i < missing; i++) sequence.blocks.push(this.#cache.allocate());
    return true;
  }

  /** Gives back the blocks behind those that `tokens` tokens need. */
  shrink(sequence: Sequence, tokens: number): void {
    const kept = Math.ceil(tokens / this.#config.blockSize);
    while (sequence.blocks.length > kept) this.#cache.release(sequence.blocks.pop()!);
  }

  /** Blocks that a sequence needs by its end, beyond what it owns. */
  stillToCome({ isl, osl, blocks }: Sequence): number {
    return footprintBlocks(this.#config, isl, osl) - blocks.length;
  }

  /**
   * Blocks for which there must be room before a sequence that wants `wanted` comes in: where the family never preempts, all that
   * it and everybody who has been admitted, or has blocks for its transfer, will need beyond what they own.
   */
  needed(sequence: Sequence, wanted: number, running: readonly Sequence[], waiting: readonly Sequence[]): number {
    if (!reservesOutput(this.#config)) return wanted;
    let blocks = this.stillToCome(sequence);
    for (const other of running) blocks += this.stillToCome(other);
    for (const other of waiting) {
      if (other.inTransfer || other.transferred) blocks += this.stillToCome(other);
    }
    return blocks;
  }

  /** Blocks that these tokens fill become findable. */
  register(sequence: Sequence, fromTokens: number, toTokens: number): void {
    if (!this.#config.prefixCaching) return;
    const { blockSize } = this.#config;
    for (let index = Math.floor(fromTokens / blockSize); index < Math.floor(toTokens / blockSize); index++) {
      sequence.blocks[index] = this.#cache.register(
        sequence.blocks[index]!,
        this.#requests.contentId(sequence.id, index),
      );
    }
  }

  /** Tail first, so that the LRU evicts tails before heads. */
  release(sequence: Sequence): void {
    this.releases++;
    for (let i = sequence.blocks.length - 1; i >= 0; i--) this.#cache.release(sequence.blocks[i]!);
    sequence.blocks = [];
  }

  /** Forgets what nobody owns, and host memory; the contents that have no copy left in the KV cache. */
  clear(): number[] {
    for (const blockId of this.#host?.clearUnowned() ?? []) this.#onHostEvent({ kind: "removed", blockId });
    return this.#cache.clearUnowned();
  }
}
