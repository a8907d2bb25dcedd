import { BlockHasher } from "#mocker/text";
import type { BlockIdentity, Generation } from "../types.ts";

const INITIAL_IDS = 16;

/**
 * Small numbers for block contents, which engines work with, in place of 64-bit hashes. A number lives as long as somebody
 * holds it: a request that knows its content, or the cache it is in; then it is used again, so that nothing grows without
 * bound. State lies in columns by number.
 */
export class BlockInterner {
  readonly blockSize: number;
  readonly #keepsTokens: boolean;
  readonly #ids = new Map<bigint, number>();
  #sequenceHash = new BigUint64Array(INITIAL_IDS);
  #tokensHash = new BigUint64Array(INITIAL_IDS);
  #parentHash = new BigUint64Array(INITIAL_IDS);
  #holders = new Int32Array(INITIAL_IDS);
  #isRoot = new Uint8Array(INITIAL_IDS);
  #tokens: Int32Array;
  readonly #free: number[] = [];
  #next = 0;

  /** @param keepsTokens remember each block's token ids, which only KV events ask for */
  constructor(blockSize: number, keepsTokens: boolean) {
    this.blockSize = blockSize;
    this.#keepsTokens = keepsTokens;
    this.#tokens = new Int32Array(keepsTokens ? INITIAL_IDS * blockSize : 0);
  }

  /** Numbers in use. */
  get size(): number {
    return this.#ids.size;
  }

  /** The number of the content that `hasher` has just filled a block with; held once more. */
  acquire(hasher: BlockHasher, tokenAt: (index: number) => number): number {
    const hash = hasher.sequenceHash!;
    const known = this.#ids.get(hash);
    if (known !== undefined) {
      this.#holders[known]!++;
      return known;
    }
    const id = this.#free.pop() ?? this.#next++;
    if (id === this.#holders.length) this.#enlarge();
    this.#ids.set(hash, id);
    this.#sequenceHash[id] = hash;
    this.#tokensHash[id] = hasher.tokensHash;
    this.#isRoot[id] = hasher.parentSequenceHash === null ? 1 : 0;
    this.#parentHash[id] = hasher.parentSequenceHash ?? 0n;
    this.#holders[id] = 1;
    if (this.#keepsTokens) {
      const from = id * this.blockSize;
      for (let i = 0; i < this.blockSize; i++) this.#tokens[from + i] = tokenAt(i);
    }
    return id;
  }

  hold(id: number): void {
    this.#holders[id]!++;
  }

  drop(id: number): void {
    if (--this.#holders[id]! > 0) return;
    this.#ids.delete(this.#sequenceHash[id]!);
    this.#free.push(id);
  }

  /** Null where nobody holds the number, or tokens are not kept. */
  identity(id: number): BlockIdentity | null {
    if (!this.#keepsTokens || !(this.#holders[id]! > 0)) return null;
    return {
      sequenceHash: this.#sequenceHash[id]!,
      tokensHash: this.#tokensHash[id]!,
      parentSequenceHash: this.#isRoot[id] === 1 ? null : this.#parentHash[id]!,
      tokenIds: this.#tokens.slice(id * this.blockSize, (id + 1) * this.blockSize),
    };
  }

  #enlarge(): void {
    const ids = this.#holders.length * 2;
    this.#sequenceHash = copied(new BigUint64Array(ids), this.#sequenceHash);
    this.#tokensHash = copied(new BigUint64Array(ids), this.#tokensHash);
    this.#parentHash = copied(new BigUint64Array(ids), this.#parentHash);
    const holders = new Int32Array(ids);
    holders.set(this.#holders);
    this.#holders = holders;
    const isRoot = new Uint8Array(ids);
    isRoot.set(this.#isRoot);
    this.#isRoot = isRoot;
    if (!this.#keepsTokens) return;
    const tokens = new Int32Array(ids * this.blockSize);
    tokens.set(this.#tokens);
    this.#tokens = tokens;
  }
}

function copied(to: BigUint64Array<ArrayBuffer>, from: BigUint64Array): BigUint64Array<ArrayBuffer> {
  to.set(from);
  return to;
}

/** Contents of one request's full blocks, prompt and output, hashed when they are first asked for. */
export class SequenceBlocks {
  readonly #interner: BlockInterner;
  readonly #generation: Generation;
  readonly #ids: number[] = [];
  #hasher: BlockHasher | null = null;

  constructor(interner: BlockInterner, generation: Generation) {
    this.#interner = interner;
    this.#generation = generation;
  }

  /** Of the block at `index`, all of whose tokens are known. */
  contentId(index: number): number {
    while (this.#ids.length <= index) this.#hashNext();
    return this.#ids[index]!;
  }

  release(): void {
    for (const id of this.#ids) this.#interner.drop(id);
    this.#ids.length = 0;
    this.#hasher = null;
  }

  #hashNext(): void {
    const { blockSize } = this.#interner;
    this.#hasher ??= new BlockHasher(blockSize);
    const hasher = this.#hasher;
    const from = this.#ids.length * blockSize;
    for (let i = 0; i < blockSize; i++) hasher.push(this.#tokenAt(from + i));
    this.#ids.push(this.#interner.acquire(hasher, (i) => this.#tokenAt(from + i)));
  }

  #tokenAt(position: number): number {
    const { promptTokens } = this.#generation;
    return position < promptTokens.length
      ? promptTokens[position]!
      : this.#generation.outputTokenId(position - promptTokens.length);
  }
}
