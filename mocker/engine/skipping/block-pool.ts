import type { KvEvent } from "../types.ts";

const NONE = -1;

/**
 * KV blocks as counts wherever nobody can tell them apart. Blocks of content that only its owner can ever hit again
 * ("anonymous") are a number; content that others may hit, and what a preempted request may find again, has a record.
 * Released content waits in one LRU list of records and of runs of blocks that nobody will ever ask for.
 */
export class BlockPool {
  readonly capacity: number;
  /** Blocks with an owner. */
  owned = 0;
  evictions = 0;
  /** Blocks without owner in the LRU list. */
  #cached = 0;
  readonly #onEvent: ((event: KvEvent) => void) | null;
  /** Where a content goes whose last copy is evicted. */
  readonly #lower: BlockPool | null;
  /**
   * The first of the records of each bucket; more follow through `#nextInBucket`. Found here is the oldest copy of a content; later
   * copies follow it through `#nextCopy` in the order of registration.
   */
  #buckets: Int32Array = new Int32Array(32).fill(NONE);
  #nextInBucket: Int32Array = new Int32Array(16);
  #content: Float64Array = new Float64Array(16);
  #owners: Int32Array = new Int32Array(16);
  #nextCopy: Int32Array = new Int32Array(16);
  #newer: Int32Array = new Int32Array(16);
  #older: Int32Array = new Int32Array(16);
  /** Blocks of a run; 0 for a record. */
  #runLength: Int32Array = new Int32Array(16);
  #entries = 0;
  #freeEntry = NONE;
  #lruOldest = NONE;
  #lruNewest = NONE;

  constructor(capacity: number, onEvent: ((event: KvEvent) => void) | null, lower: BlockPool | null = null) {
    this.capacity = capacity;
    this.#onEvent = onEvent;
    this.#lower = lower;
  }

  /** Blocks that could be taken now. */
  get room(): number {
    return this.capacity - this.owned;
  }

  /** Blocks without owner. */
  get cached(): number {
    return this.#cached;
  }

  /** Blocks that could be taken now without anything that has a record going for them. */
  get quietRoom(): number {
    let blocks = this.room - this.#cached;
    for (let entry = this.#lruOldest; entry !== NONE && this.#runLength[entry]! > 0; entry = this.#newer[entry]!) {
      blocks += this.#runLength[entry]!;
    }
    return blocks;
  }

  takeAnonymous(blocks: number): void {
    this.owned += blocks;
    const over = this.owned + this.#cached - this.capacity;
    if (over > 0) this.#evict(over);
  }

  /** Back to the free blocks: their content was incomplete, or caching is off. */
  freeAnonymous(blocks: number): void {
    this.owned -= blocks;
  }

  /** Complete content that nobody will ask for again: it only takes its turn in the LRU list. */
  retireAnonymous(blocks: number): void {
    if (blocks === 0) return;
    this.owned -= blocks;
    this.#cached += blocks;
    const newest = this.#lruNewest;
    if (newest !== NONE && this.#runLength[newest]! > 0) {
      this.#runLength[newest]! += blocks;
      return;
    }
    const entry = this.#newEntry();
    this.#runLength[entry] = blocks;
    this.#append(entry);
  }

  /** Record of the oldest copy of a content, or −1. */
  find(content: number): number {
    let record = this.#buckets[bucketOf(content, this.#buckets.length)]!;
    while (record !== NONE && this.#content[record] !== content) record = this.#nextInBucket[record]!;
    return record;
  }

  /** Turns one owned anonymous block into a record. */
  createRecord(content: number): number {
    const record = this.#newEntry();
    this.#content[record] = content;
    this.#owners[record] = 1;
    this.#runLength[record] = 0;
    this.#nextCopy[record] = NONE;
    const bucket = bucketOf(content, this.#buckets.length);
    const first = this.#buckets[bucket]!;
    let copy = first;
    while (copy !== NONE && this.#content[copy] !== content) copy = this.#nextInBucket[copy]!;
    if (copy === NONE) {
      this.#nextInBucket[record] = first;
      this.#buckets[bucket] = record;
      this.#onEvent?.({ kind: "stored", blockId: content });
    } else {
      while (this.#nextCopy[copy]! !== NONE) copy = this.#nextCopy[copy]!;
      this.#nextCopy[copy] = record;
    }
    return record;
  }

  /** A content that nobody owns, as the newest: put in, or only moved where it is here. */
  keep(content: number): void {
    let record = this.find(content);
    if (record >= 0) {
      this.share(record);
    } else {
      this.takeAnonymous(1);
      record = this.createRecord(content);
    }
    this.release(record);
  }

  /** The same for blocks of content that nobody will ask for again. */
  keepAnonymous(blocks: number): void {
    const kept = Math.min(blocks, this.capacity);
    this.takeAnonymous(kept);
    this.retireAnonymous(kept);
  }

  isUnowned(record: number): boolean {
    return this.#owners[record] === 0;
  }

  share(record: number): void {
    if (this.#owners[record]!++ > 0) return;
    this.#unlink(record);
    this.#cached--;
    this.owned++;
  }

  release(record: number): void {
    if (--this.#owners[record]! > 0) return;
    this.owned--;
    this.#cached++;
    this.#append(record);
  }

  #evict(blocks: number): void {
    let left = blocks;
    this.#cached -= blocks;
    this.evictions += blocks;
    while (left > 0) {
      const entry = this.#lruOldest;
      const run = this.#runLength[entry]!;
      if (run > 0) this.#lower?.keepAnonymous(Math.min(run, left));
      if (run > left) {
        this.#runLength[entry] = run - left;
        return;
      }
      left -= Math.max(1, run);
      this.#unlink(entry);
      if (run === 0) this.#forget(entry);
      this.#nextCopy[entry] = this.#freeEntry;
      this.#freeEntry = entry;
    }
  }

  #forget(record: number): void {
    const content = this.#content[record]!;
    const next = this.#nextCopy[record]!;
    const bucket = bucketOf(content, this.#buckets.length);
    let before = NONE;
    let copy = this.#buckets[bucket]!;
    while (this.#content[copy] !== content) {
      before = copy;
      copy = this.#nextInBucket[copy]!;
    }
    if (copy !== record) {
      while (this.#nextCopy[copy]! !== record) copy = this.#nextCopy[copy]!;
      this.#nextCopy[copy] = next;
      return;
    }
    let inPlace = this.#nextInBucket[record]!;
    if (next !== NONE) {
      this.#nextInBucket[next] = inPlace;
      inPlace = next;
    }
    if (before === NONE) this.#buckets[bucket] = inPlace;
    else this.#nextInBucket[before] = inPlace;
    if (next !== NONE) return;
    this.#lower?.keep(content);
    this.#onEvent?.({ kind: "removed", blockId: content });
  }

  #append(entry: number): void {
    this.#older[entry] = this.#lruNewest;
    this.#newer[entry] = NONE;
    if (this.#lruNewest === NONE) this.#lruOldest = entry;
    else this.#newer[this.#lruNewest] = entry;
    this.#lruNewest = entry;
  }

  #unlink(entry: number): void {
    const older = this.#older[entry]!;
    const newer = this.#newer[entry]!;
    if (older === NONE) this.#lruOldest = newer;
    else this.#newer[older] = newer;
    if (newer === NONE) this.#lruNewest = older;
    else this.#older[newer] = older;
  }

  #newEntry(): number {
    const free = this.#freeEntry;
    if (free !== NONE) {
      this.#freeEntry = this.#nextCopy[free]!;
      return free;
    }
    if (this.#entries === this.#content.length) this.#enlarge();
    return this.#entries++;
  }

  #enlarge(): void {
    const length = this.#content.length * 2;
    const grow = (from: Int32Array): Int32Array => {
      const to = new Int32Array(length);
      to.set(from);
      return to;
    };
    const content = new Float64Array(length);
    content.set(this.#content);
    this.#content = content;
    this.#owners = grow(this.#owners);
    this.#nextCopy = grow(this.#nextCopy);
    this.#newer = grow(this.#newer);
    this.#older = grow(this.#older);
    this.#runLength = grow(this.#runLength);
    this.#nextInBucket = grow(this.#nextInBucket);
    this.#enlargeBuckets(2 * length);
  }

  #enlargeBuckets(length: number): void {
    const smaller = this.#buckets;
    this.#buckets = new Int32Array(length).fill(NONE);
    for (let record of smaller) {
      while (record !== NONE) {
        const next = this.#nextInBucket[record]!;
        const bucket = bucketOf(this.#content[record]!, length);
        this.#nextInBucket[record] = this.#buckets[bucket]!;
        this.#buckets[bucket] = record;
        record = next;
      }
    }
  }
}

/** Of a power of 2 of buckets; contents that follow one another, as those of a prompt do, mostly lie side by side. */
function bucketOf(content: number, buckets: number): number {
  const low = content | 0;
  let group = Math.imul(low >> 4, 0x9e3779b1);
  // A request's own contents go beyond 32 bits.
  if (low !== content) group ^= Math.imul(Math.floor(content / 2 ** 32), 0x85ebca6b);
  group ^= group >>> 15;
  return ((group << 4) | ((low ^ (group >>> 20)) & 15)) & (buckets - 1);
}
