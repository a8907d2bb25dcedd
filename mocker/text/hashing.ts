import { xxh3 } from "@node-rs/xxhash";

/** Dynamo's seed for KV block hashes. */
const SEED = 1337n;

/**
 * Names of KV blocks by content, as Dynamo computes them: xxh3-64 with seed 1337 over a block's token ids as little-endian
 * 32-bit words, and, chained, over the parent's sequence hash and the block's own. The bytes are read from typed arrays as the
 * machine holds them, so the machine has to be little-endian; all that Node supports but s390x are.
 */
export class BlockHasher {
  readonly #blockSize: number;
  readonly #block: Int32Array;
  readonly #blockBytes: Uint8Array;
  readonly #pair = new BigUint64Array(2);
  readonly #pairBytes = new Uint8Array(this.#pair.buffer);
  #filled = 0;
  #tokensHash = 0n;
  #sequenceHash: bigint | null = null;
  #parentSequenceHash: bigint | null = null;

  /** @param blockSize tokens per block, ≥ 1 */
  constructor(blockSize: number) {
    this.#blockSize = blockSize;
    this.#block = new Int32Array(blockSize);
    this.#blockBytes = new Uint8Array(this.#block.buffer);
  }

  /** Takes the next token; true where it fills a block, whose hashes can then be read. */
  push(id: number): boolean {
    this.#block[this.#filled++] = id;
    if (this.#filled < this.#blockSize) return false;
    this.#filled = 0;
    this.#tokensHash = xxh3.xxh64(this.#blockBytes, SEED);
    this.#parentSequenceHash = this.#sequenceHash;
    this.#sequenceHash =
      this.#parentSequenceHash === null ? this.#tokensHash : this.#chained(this.#parentSequenceHash, this.#tokensHash);
    return true;
  }

  /** Of the last full block's own tokens. */
  get tokensHash(): bigint {
    return this.#tokensHash;
  }

  /** Of the last full block and all before it; null before the first is full. */
  get sequenceHash(): bigint | null {
    return this.#sequenceHash;
  }

  /** Sequence hash of the block before the last full one; null where that is the first. */
  get parentSequenceHash(): bigint | null {
    return this.#parentSequenceHash;
  }

  /** Tokens since the last full block. */
  get partialTokens(): number {
    return this.#filled;
  }

  #chained(parent: bigint, own: bigint): bigint {
    this.#pair[0] = parent;
    this.#pair[1] = own;
    return xxh3.xxh64(this.#pairBytes, SEED);
  }
}

/** Hash of each full block's own tokens; a part of a block at the end has none. */
export function blockHashes(ids: Int32Array, blockSize: number): BigUint64Array {
  return hashes(ids, blockSize, (hasher) => hasher.tokensHash);
}

/** Chained hash of each full block: equal where the block and all before it are equal. */
export function sequenceHashes(ids: Int32Array, blockSize: number): BigUint64Array {
  return hashes(ids, blockSize, (hasher) => hasher.sequenceHash ?? 0n);
}

function hashes(ids: Int32Array, blockSize: number, read: (hasher: BlockHasher) => bigint): BigUint64Array {
  const out = new BigUint64Array(Math.floor(ids.length / blockSize));
  const hasher = new BlockHasher(blockSize);
  let block = 0;
  for (let i = 0; i < out.length * blockSize; i++) {
    if (hasher.push(ids[i]!)) out[block++] = read(hasher);
  }
  return out;
}

/** A number for seeds that equal tokens share: 53 bits of their hash. */
export function tokensSeed(ids: Int32Array): number {
  return Number(xxh3.xxh64(new Uint8Array(ids.buffer, ids.byteOffset, ids.byteLength), SEED) >> 11n);
}
