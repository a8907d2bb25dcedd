import type { KvEvent } from "../types.ts";

const NONE = -1;

/**
 * What is known of an entry of the pool, a record or a run, in one piece at `FIELDS` × its number: with a thousand engines each piece has
 * to be made, and fetched from far away.
 */
const Field = {
  owners: 0,
  /** Of a record: the next later copy of its content. Of a free entry: the next free one. */
  nextCopy: 1,
  newer: 2,
  older: 3,
  /** Blocks of a run; 0 for a record. */
  runLength: 4,
  nextInBucket: 5,
} as const;
const FIELDS = 6;
/** Entries of a pool that begins to have any: most have one run. */
const FIRST_ENTRIES = 2;
const NO_ENTRIES = new Int32Array(0);
const NO_CONTENTS = new Float64Array(0);
const NO_BUCKETS = new Int32Array(1).fill(NONE);

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
  #fields: Int32Array = NO_ENTRIES;
  /** Of records, by entry. */
  #content: Float64Array = NO_CONTENTS;
  /**
   * The first of the records of each bucket; more follow through `nextInBucket`. Found here is the oldest copy of a content; later
   * copies follow it through `nextCopy` in the order of registration.
   */
  #buckets: Int32Array = NO_BUCKETS;
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
    for (
      let entry = this.#lruOldest;
      entry !== NONE && this.#fields[FIELDS * entry + Field.runLength]! > 0;
      entry = this.#fields[FIELDS * entry + Field.newer]!
    ) {
      blocks += this.#fields[FIELDS * entry + Field.runLength]!;
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
    if (newest !== NONE && this.#fields[FIELDS * newest + Field.runLength]! > 0) {
      this.#fields[FIELDS * newest + Field.runLength]! += blocks;
      return;
    }
    const entry = this.#newEntry();
    this.#fields[FIELDS * entry + Field.runLength] = blocks;
    this.#append(entry);
  }

  /** Record of the oldest copy of a content, or −1. */
  find(content: number): number {
    let record = this.#buckets[bucketOf(content, this.#buckets.length)]!;
    while (record !== NONE && this.#content[record] !== content)
      record = this.#fields[FIELDS * record + Field.nextInBucket]!;
    return record;
  }

  /** Turns one owned anonymous block into a record. */
  createRecord(content: number): number {
    const record = this.#newEntry();
    if (record >= this.#content.length) this.#enlargeContents();
    this.#content[record] = content;
    this.#fields[FIELDS * record + Field.owners] = 1;
    this.#fields[FIELDS * record + Field.runLength] = 0;
    this.#fields[FIELDS * record + Field.nextCopy] = NONE;
    const bucket = bucketOf(content, this.#buckets.length);
    const first = this.#buckets[bucket]!;
    let copy = first;
    while (copy !== NONE && this.#content[copy] !== content) copy = this.#fields[FIELDS * copy + Field.nextInBucket]!;
    if (copy === NONE) {
      this.#fields[FIELDS * record + Field.nextInBucket] = first;
      this.#buckets[bucket] = record;
      this.#onEvent?.({ kind: "stored", blockId: content });
    } else {
      while (this.#fields[FIELDS * copy + Field.nextCopy]! !== NONE)
        copy = this.#fields[FIELDS * copy + Field.nextCopy]!;
      this.#fields[FIELDS * copy + Field.nextCopy] = record;
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
    return this.#fields[FIELDS * record + Field.owners] === 0;
  }

  share(record: number): void {
    if (this.#fields[FIELDS * record + Field.owners]!++ > 0) return;
    this.#unlink(record);
    this.#cached--;
    this.owned++;
  }

  release(record: number): void {
    if (--this.#fields[FIELDS * record + Field.owners]! > 0) return;
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
      const run = this.#fields[FIELDS * entry + Field.runLength]!;
      if (run > 0) this.#lower?.keepAnonymous(Math.min(run, left));
      if (run > left) {
        this.#fields[FIELDS * entry + Field.runLength] = run - left;
        return;
      }
      left -= Math.max(1, run);
      this.#unlink(entry);
      if (run === 0) this.#forget(entry);
      this.#fields[FIELDS * entry + Field.nextCopy] = this.#freeEntry;
      this.#freeEntry = entry;
    }
  }

  #forget(record: number): void {
    const content = this.#content[record]!;
    const next = this.#fields[FIELDS * record + Field.nextCopy]!;
    const bucket = bucketOf(content, this.#buckets.length);
    let before = NONE;
    let copy = this.#buckets[bucket]!;
    while (this.#content[copy] !== content) {
      before = copy;
      copy = this.#fields[FIELDS * copy + Field.nextInBucket]!;
    }
    if (copy !== record) {
      while (this.#fields[FIELDS * copy + Field.nextCopy]! !== record)
        copy = this.#fields[FIELDS * copy + Field.nextCopy]!;
      this.#fields[FIELDS * copy + Field.nextCopy] = next;
      return;
    }
    let inPlace = this.#fields[FIELDS * record + Field.nextInBucket]!;
    if (next !== NONE) {
      this.#fields[FIELDS * next + Field.nextInBucket] = inPlace;
      inPlace = next;
    }
    if (before === NONE) this.#buckets[bucket] = inPlace;
    else this.#fields[FIELDS * before + Field.nextInBucket] = inPlace;
    if (next !== NONE) return;
    this.#lower?.keep(content);
    this.#onEvent?.({ kind: "removed", blockId: content });
  }

  #append(entry: number): void {
    this.#fields[FIELDS * entry + Field.older] = this.#lruNewest;
    this.#fields[FIELDS * entry + Field.newer] = NONE;
    if (this.#lruNewest === NONE) this.#lruOldest = entry;
    else this.#fields[FIELDS * this.#lruNewest + Field.newer] = entry;
    this.#lruNewest = entry;
  }

  #unlink(entry: number): void {
    const older = this.#fields[FIELDS * entry + Field.older]!;
    const newer = this.#fields[FIELDS * entry + Field.newer]!;
    if (older === NONE) this.#lruOldest = newer;
    else this.#fields[FIELDS * older + Field.newer] = newer;
    if (newer === NONE) this.#lruNewest = older;
    else this.#fields[FIELDS * newer + Field.older] = older;
  }

  #newEntry(): number {
    const free = this.#freeEntry;
    if (free !== NONE) {
      this.#freeEntry = this.#fields[FIELDS * free + Field.nextCopy]!;
      return free;
    }
    if (FIELDS * this.#entries === this.#fields.length) this.#enlarge();
    return this.#entries++;
  }

  #enlarge(): void {
    const fields = new Int32Array(Math.max(FIRST_ENTRIES * FIELDS, 2 * this.#fields.length));
    fields.set(this.#fields);
    this.#fields = fields;
  }

  /** As many contents as entries, and twice as many buckets. */
  #enlargeContents(): void {
    const length = this.#fields.length / FIELDS;
    const content = new Float64Array(length);
    content.set(this.#content);
    this.#content = content;
    const fields = this.#fields;
    const smaller = this.#buckets;
    const buckets = new Int32Array(2 * length).fill(NONE);
    for (let record of smaller) {
      while (record !== NONE) {
        const at = FIELDS * record + Field.nextInBucket;
        const next = fields[at]!;
        const bucket = bucketOf(content[record]!, buckets.length);
        fields[at] = buckets[bucket]!;
        buckets[bucket] = record;
        record = next;
      }
    }
    this.#buckets = buckets;
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
