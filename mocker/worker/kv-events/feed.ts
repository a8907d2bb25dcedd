import type { EngineConfig, KvEvent } from "#mocker/engine";
import type { BlockIdentity, Worker } from "../types.ts";

/** One change as it is published: neighbours that chain are one `stored`, neighbouring removals one `removed`. */
export type FeedEvent =
  | { kind: "stored"; parent: bigint | null; blocks: BlockIdentity[] }
  | { kind: "removed"; blockHashes: bigint[] }
  | { kind: "cleared" };

/** What one pass of a rank changed. */
export interface FeedBatch {
  dpRank: number;
  /** Model ms. */
  atMs: number;
  events: FeedEvent[];
}

/** What a rank has cached, in the order it was stored. */
export interface FeedSnapshot {
  dpRank: number;
  blocks: BlockIdentity[];
}

/** Changes that no end of a pass follows (a cache that is cleared at rest) are told after this time, real ms. */
const LINGER_MS = 1000;

/** vLLM publishes KV events with prefix caching on; Dynamo's decode workers never do. */
export function publishesKvEvents(engine: Pick<EngineConfig, "prefixCaching" | "role">): boolean {
  return engine.prefixCaching && engine.role !== "decode";
}

/**
 * KV events of one worker, in batches: one per pass and rank that changed anything. While nobody listens it keeps only which
 * blocks there are, so that a snapshot can be had at any time.
 */
export class KvEventFeed {
  readonly #worker: Worker;
  readonly #listeners = new Set<(batch: FeedBatch) => void>();
  readonly #stored: Set<number>[];
  readonly #pending: FeedEvent[][];
  readonly #pendingAtMs: number[];
  #lingering: NodeJS.Timeout | null = null;

  /** Observes the worker for its whole life; its engines must report KV events. */
  constructor(worker: Worker) {
    this.#worker = worker;
    const ranks = Array.from({ length: worker.settings.dpSize });
    this.#stored = ranks.map(() => new Set());
    this.#pending = ranks.map(() => []);
    this.#pendingAtMs = ranks.map(() => 0);
    worker.observe({
      kvEvent: (dpRank, event, atMs) => this.#changed(dpRank, event, atMs),
      kvCleared: (dpRank, atMs) => this.#cleared(dpRank, atMs),
      passEnded: (record) => this.#flush(record.dpRank),
    });
  }

  /** @returns ends it */
  listen(listener: (batch: FeedBatch) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** What is cached now; batches told from now on come on top of it. */
  snapshot(): FeedSnapshot[] {
    this.flush();
    return this.#stored.map((blockIds, dpRank) => ({
      dpRank,
      blocks: [...blockIds].flatMap((blockId) => this.#worker.blockIdentity(blockId) ?? []),
    }));
  }

  /** Tells what has changed so far without waiting for the end of a pass. */
  flush(): void {
    for (let dpRank = 0; dpRank < this.#pending.length; dpRank++) this.#flush(dpRank);
  }

  close(): void {
    this.#listeners.clear();
    if (this.#lingering !== null) clearTimeout(this.#lingering);
  }

  #changed(dpRank: number, event: KvEvent, atMs: number): void {
    const stored = this.#stored[dpRank]!;
    if (event.kind === "stored") stored.add(event.blockId);
    else stored.delete(event.blockId);
    if (this.#listeners.size === 0) return;
    const identity = this.#worker.blockIdentity(event.blockId);
    if (identity === null) return;
    const pending = this.#pending[dpRank]!;
    const last = pending.at(-1);
    this.#begin(dpRank, atMs);
    if (event.kind === "removed") {
      if (last?.kind === "removed") last.blockHashes.push(identity.sequenceHash);
      else pending.push({ kind: "removed", blockHashes: [identity.sequenceHash] });
    } else if (last?.kind === "stored" && last.blocks.at(-1)!.sequenceHash === identity.parentSequenceHash) {
      last.blocks.push(identity);
    } else {
      pending.push({ kind: "stored", parent: identity.parentSequenceHash, blocks: [identity] });
    }
  }

  #cleared(dpRank: number, atMs: number): void {
    this.#stored[dpRank]!.clear();
    if (this.#listeners.size === 0) return;
    this.#begin(dpRank, atMs);
    this.#pending[dpRank]!.push({ kind: "cleared" });
    this.#flush(dpRank);
  }

  #begin(dpRank: number, atMs: number): void {
    this.#pendingAtMs[dpRank] = atMs;
    if (this.#lingering !== null) return;
    this.#lingering = setTimeout(() => {
      this.#lingering = null;
      this.flush();
    }, LINGER_MS);
    this.#lingering.unref();
  }

  #flush(dpRank: number): void {
    const events = this.#pending[dpRank]!;
    if (events.length === 0) return;
    this.#pending[dpRank] = [];
    const batch = { dpRank, atMs: this.#pendingAtMs[dpRank]!, events };
    for (const listener of this.#listeners) listener(batch);
  }
}
