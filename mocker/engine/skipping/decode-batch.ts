import { Flag, type SequenceStore } from "./sequence-store.ts";

/** The end of a request that does not decode, and of a batch of none: behind every pass. */
export const NO_END = 2 ** 30 - 1;

/**
 * The decoding sequences of an engine as aggregates: each pass adds a token to all of them, so the batch is known by its
 * size, the sum of its contexts, how many of its sequences begin a block at which pass, and the pass at which the next ends.
 */
export class DecodeBatch {
  readonly #store: SequenceStore;
  readonly #blockSize: number;
  /** Sequences by (total tokens − passes) mod block size: constant while every pass adds a token. */
  readonly #byPhase: Int32Array;
  size = 0;
  /** Σ (prompt + generated) tokens. */
  contextSum = 0;
  /** Passes completed since the batch was last rebuilt from nothing. */
  pass = 0;
  /** The pass after which the next sequence has all its tokens. */
  nextEnd = NO_END;

  constructor(store: SequenceStore, blockSize: number) {
    this.#store = store;
    this.#blockSize = blockSize;
    this.#byPhase = new Int32Array(blockSize);
  }

  /** Sequences that need a new block at the pass `ahead` passes from now (0: the next). */
  newBlocks(ahead: number): number {
    return this.#byPhase[this.#modulo(1 - this.pass - ahead)]!;
  }

  /** Σ of `newBlocks` over the passes from `fromAhead` up to, not including, `toAhead`. */
  newBlocksBetween(fromAhead: number, toAhead: number): number {
    let blocks = 0;
    let phase = this.#modulo(1 - this.pass - fromAhead);
    for (let ahead = fromAhead; ahead < toAhead; ahead++) {
      blocks += this.#byPhase[phase]!;
      phase = phase === 0 ? this.#blockSize - 1 : phase - 1;
    }
    return blocks;
  }

  /** How many passes from `fromAhead` on (at most `most`) find room for the blocks they begin. */
  passesThatFit(fromAhead: number, most: number, room: number): number {
    let left = room;
    let phase = this.#modulo(1 - this.pass - fromAhead);
    for (let passes = 0; passes < most; passes++) {
      left -= this.#byPhase[phase]!;
      if (left < 0) return passes;
      phase = phase === 0 ? this.#blockSize - 1 : phase - 1;
    }
    return most;
  }

  /** @returns the pass after which it ends */
  add(request: number): number {
    const store = this.#store;
    const total = store.columns.isl[request]! + store.generated[request]!;
    const endPass = this.pass + store.osl[request]! - store.generated[request]!;
    store.endPass[request] = endPass;
    store.flags[request]! |= Flag.decoding;
    this.#byPhase[this.#modulo(total - this.pass)]!++;
    this.contextSum += total;
    this.size++;
    if (endPass < this.nextEnd) this.nextEnd = endPass;
    return endPass;
  }

  /** Takes a sequence out and writes its state back; `nextEnd` is the caller's to find again (`findNextEnd`). */
  remove(request: number, lastTokenMs: number): void {
    const store = this.#store;
    const generated = this.generated(request);
    const total = store.columns.isl[request]! + generated;
    store.generated[request] = generated;
    store.computed[request] = total - 1;
    store.blocks[request] = Math.ceil((total - 1) / this.#blockSize);
    store.lastTokenMs[request] = lastTokenMs;
    store.flags[request]! &= ~Flag.decoding;
    this.#byPhase[this.#modulo(total - this.pass)]!--;
    this.contextSum -= total;
    this.size--;
  }

  generated(request: number): number {
    return this.#store.osl[request]! - (this.#store.endPass[request]! - this.pass);
  }

  /** `passes` passes are over: every sequence has that many more tokens. */
  advance(passes: number): void {
    this.pass += passes;
    this.contextSum += passes * this.size;
  }

  /** @param ends of the first `count` running requests; `NO_END` of those that don't decode */
  findNextEnd(ends: Int32Array, count: number): void {
    let next = NO_END;
    for (let i = 0; i < count; i++) if (ends[i]! < next) next = ends[i]!;
    this.nextEnd = next;
  }

  /** Of a positive number alone: what is left of a negative one may be −0, which no integer can be. */
  #modulo(value: number): number {
    if (value >= 0) return value % this.#blockSize;
    const rest = -value % this.#blockSize;
    return rest === 0 ? 0 : this.#blockSize - rest;
  }
}
