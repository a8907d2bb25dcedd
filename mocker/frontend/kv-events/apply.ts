import type { KvEventMessage, KvSnapshotMessage } from "#mocker/protocol";
import type { PrefixIndex, WorkerKey } from "#mocker/router";

/**
 * Keeps a router's index as one worker's KV events tell. A block counts as cached while any data-parallel rank has it.
 * Messages come off the wire: whatever is malformed in them throws.
 */
export class IndexedWorkerCache {
  readonly #index: PrefixIndex;
  readonly #worker: WorkerKey;
  /** Blocks by rank, kept only where there is more than one. */
  readonly #ranks: Set<bigint>[];

  constructor(index: PrefixIndex, worker: WorkerKey, dataParallelSize: number) {
    this.#index = index;
    this.#worker = worker;
    this.#ranks = dataParallelSize < 2 ? [] : Array.from({ length: dataParallelSize }, () => new Set());
  }

  apply(message: KvEventMessage): void {
    const rank = Number(message.dp_rank);
    for (const { data } of message.events) {
      if (data === "cleared") this.#clearRank(rank);
      else if ("stored" in data)
        this.#store(
          rank,
          data.stored.blocks.map((block) => BigInt(block.block_hash)),
        );
      else this.#remove(rank, data.removed.block_hashes.map(BigInt));
    }
  }

  /** Replaces all that was known. */
  replace(message: KvSnapshotMessage): void {
    this.clear();
    for (const { dp_rank, blocks } of message.ranks) {
      this.#store(
        Number(dp_rank),
        blocks.map((block) => BigInt(block.block_hash)),
      );
    }
  }

  clear(): void {
    this.#index.cleared(this.#worker);
    for (const held of this.#ranks) held.clear();
  }

  #store(rank: number, blocks: bigint[]): void {
    const held = this.#ranks[rank];
    if (held !== undefined) for (const block of blocks) held.add(block);
    this.#index.stored(this.#worker, blocks);
  }

  #remove(rank: number, blocks: bigint[]): void {
    for (const block of blocks) this.#ranks[rank]?.delete(block);
    this.#index.removed(
      this.#worker,
      blocks.filter((block) => !this.#ranks.some((held) => held.has(block))),
    );
  }

  #clearRank(rank: number): void {
    const held = this.#ranks[rank];
    if (held === undefined) this.clear();
    else this.#remove(rank, [...held]);
  }
}
