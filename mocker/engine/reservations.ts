import { mostSharedBlocks } from "./no-evict.ts";
import type { OwnedBlocks } from "./owned-blocks.ts";
import type { Sequence } from "./sequence.ts";
import type { EngineConfig } from "./types.ts";

/** The sequences of an engine that reservations look at, and who is told of one that is granted. */
export interface ReservingEngine {
  readonly config: EngineConfig;
  readonly blocks: OwnedBlocks;
  readonly running: readonly Sequence[];
  readonly waiting: Sequence[];
  /** @param missingTokens that have to be transferred */
  reserved(sequence: Sequence, missingTokens: number): void;
}

/** Requests that want blocks on a decode worker for their transfer, first in, first out. */
export class Reservations {
  readonly queue: Sequence[] = [];
  readonly #engine: ReservingEngine;
  /** How often blocks had been released when one last found no room; −1: it has not. */
  #refusedAfter = -1;
  #count = 0;

  constructor(engine: ReservingEngine) {
    this.#engine = engine;
  }

  /** Whoever is at the head now has not been refused. */
  forgetRefusal(): void {
    this.#refusedAfter = -1;
  }

  /** Whether any was granted. */
  tryAll(): boolean {
    const { config, blocks, running } = this.#engine;
    const { maxNumSeqs, quirks } = config;
    let any = false;
    while (this.queue.length > 0 && running.length < maxNumSeqs) {
      if (quirks.oneReservationPerTrigger && this.#refusedAfter === blocks.releases) break;
      const sequence = this.queue[0]!;
      if (!this.#reserve(sequence)) break;
      this.queue.shift();
      any = true;
      if (quirks.oneReservationPerTrigger) break;
    }
    return any;
  }

  #reserve(sequence: Sequence): boolean {
    const { config, blocks, running, waiting } = this.#engine;
    const { blockSize } = config;
    const hits = blocks.lookup(sequence, mostSharedBlocks(config, sequence.isl));
    const wanted = Math.ceil(sequence.isl / blockSize);
    const needed = blocks.needed(sequence, wanted, running, waiting);
    if (needed - hits.length + blocks.unowned(hits) > blocks.room) {
      this.#refusedAfter = blocks.releases;
      return false;
    }
    const missingTokens = (wanted - hits.length) * blockSize;
    blocks.share(sequence, hits);
    blocks.grow(sequence, sequence.isl);
    sequence.inTransfer = true;
    waiting.push(sequence);
    sequence.reservation = ++this.#count;
    this.#engine.reserved(sequence, missingTokens);
    return true;
  }
}
