import { wallClock } from "#common";
import { ENGINE_DEFAULTS, type EngineLoad, engineConfig, fixedTiming } from "#mocker/engine";
import { blockHashes, builtinTokenizer, sequenceHashes } from "#mocker/text";
import type { BlockIdentity, Worker, WorkerObserver } from "#mocker/worker";

const BLOCK_SIZE = 4;

/** A worker whose engine is the test: blocks of made sequences are stored and removed by hand. */
export class HandFedWorker {
  readonly worker: Worker;
  readonly blockSize = BLOCK_SIZE;
  readonly #identities = new Map<number, BlockIdentity>();
  #observers: WorkerObserver[] = [];
  #nextId = 1;

  constructor(dpSize = 1) {
    const unused = () => {
      throw new Error("not in these tests");
    };
    this.worker = {
      settings: {
        id: "worker-1",
        model: "llama",
        engine: engineConfig({
          ...ENGINE_DEFAULTS,
          blockSize: BLOCK_SIZE,
          timing: fixedTiming({ prefillMs: 1, decodeMs: 1, perPass: false }),
        }),
        dpSize,
        transfer: null,
        startupMs: 0,
        tokenizer: builtinTokenizer(),
        handoffTimeoutMs: 1000,
        trustRequestStart: false,
      },
      clock: wallClock(),
      state: "ready",
      ready: Promise.resolve(),
      neverFits: unused,
      submit: unused,
      load: unused,
      clearKvBlocks: unused,
      drain: unused,
      stop: unused,
      blockIdentity: (blockId: number) => this.#identities.get(blockId) ?? null,
      observe: (observer: WorkerObserver) => {
        this.#observers.push(observer);
      },
    } as unknown as Worker;
  }

  /** Block ids of a sequence of tokens. */
  sequence(tokens: number[]): number[] {
    const ids = Int32Array.from(tokens);
    const chained = sequenceHashes(ids, BLOCK_SIZE);
    const own = blockHashes(ids, BLOCK_SIZE);
    return Array.from(chained, (sequenceHash, i) => {
      const known = [...this.#identities].find(([, identity]) => identity.sequenceHash === sequenceHash);
      if (known !== undefined) return known[0];
      const id = this.#nextId++;
      this.#identities.set(id, {
        sequenceHash,
        tokensHash: own[i]!,
        parentSequenceHash: i === 0 ? null : chained[i - 1]!,
        tokenIds: ids.subarray(i * BLOCK_SIZE, (i + 1) * BLOCK_SIZE),
      });
      return id;
    });
  }

  hash(blockId: number): bigint {
    return this.#identities.get(blockId)!.sequenceHash;
  }

  stored(blockIds: number[], dpRank = 0): void {
    for (const blockId of blockIds) this.#tell(dpRank, "stored", blockId);
  }

  removed(blockIds: number[], dpRank = 0): void {
    for (const blockId of blockIds) {
      this.#tell(dpRank, "removed", blockId);
    }
  }

  cleared(dpRank = 0): void {
    for (const observer of this.#observers) observer.kvCleared?.(dpRank, this.worker.clock.nowMs());
  }

  passEnded(dpRank = 0): void {
    const record = { dpRank } as Parameters<NonNullable<WorkerObserver["passEnded"]>>[0];
    for (const observer of this.#observers) observer.passEnded?.(record, {} as EngineLoad);
  }

  #tell(dpRank: number, kind: "stored" | "removed", blockId: number): void {
    for (const observer of this.#observers) observer.kvEvent?.(dpRank, { kind, blockId }, this.worker.clock.nowMs());
  }
}
