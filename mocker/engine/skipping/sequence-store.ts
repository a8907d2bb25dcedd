import type { RequestColumns } from "../types.ts";

/** Bits of `SequenceStore.flags`. */
export const Flag = {
  /** Blocks reserved on a decode worker, KV still travelling. */
  inTransfer: 1,
  /** The prompt came by transfer and has not run yet. */
  transferred: 2,
  /** Admitted again after a preemption, until its lost tokens are recomputed. */
  recomputing: 4,
  /** Was preempted before: blocks of its own may wait in the cache. */
  preempted: 8,
  /** In the decoding batch: `generated` and `computed` follow from `endPass`. */
  decoding: 16,
  /** Some of its leading blocks have records. */
  recorded: 32,
  /** Blocks are kept for all that it will need. */
  promised: 64,
  /** Its prompt is computed, and its blocks wait for their transfer. */
  held: 128,
} as const;

/** State of all requests of one pool in columns, shared by its engines; the index is the request. */
export class SequenceStore {
  readonly columns: RequestColumns;
  /** Tokens it will emit (prefill engines: 1). */
  readonly osl: Int32Array;
  readonly generated: Int32Array;
  readonly computed: Int32Array;
  /** Blocks owned, records included; valid while not decoding. */
  readonly blocks: Int32Array;
  /** Number of the engine's pass after which a decoding request has all its tokens. */
  readonly endPass: Int32Array;
  readonly flags: Uint8Array;
  /** Time of the last token; valid while not decoding. */
  readonly lastTokenMs: Float64Array;
  /** Records of a request's leading blocks, where it has any. */
  readonly records: number[][] = [];
  readonly #spareLists: number[][] = [];
  #reservations: Int32Array | null = null;

  constructor(columns: RequestColumns) {
    const count = columns.isl.length;
    this.columns = columns;
    this.osl = new Int32Array(count);
    this.generated = new Int32Array(count);
    this.computed = new Int32Array(count);
    this.blocks = new Int32Array(count);
    this.endPass = new Int32Array(count);
    this.flags = new Uint8Array(count);
    this.lastTokenMs = new Float64Array(count);
  }

  reset(request: number, osl: number): void {
    this.osl[request] = osl;
    this.generated[request] = 0;
    this.computed[request] = 0;
    this.blocks[request] = 0;
    this.flags[request] = 0;
    this.lastTokenMs[request] = Number.NaN;
  }

  /** Numbers of the requests' reservations, in their order at each engine from 1. */
  reservations(): Int32Array {
    this.#reservations ??= new Int32Array(this.columns.isl.length);
    return this.#reservations;
  }

  recordCount(request: number): number {
    return (this.flags[request]! & Flag.recorded) === 0 ? 0 : this.records[request]!.length;
  }

  addRecord(request: number, record: number): void {
    if ((this.flags[request]! & Flag.recorded) === 0) {
      this.flags[request]! |= Flag.recorded;
      this.records[request] = this.#spareLists.pop() ?? [];
    }
    this.records[request]!.push(record);
  }

  dropRecords(request: number): void {
    const list = this.records[request]!;
    list.length = 0;
    this.flags[request]! &= ~Flag.recorded;
    this.#spareLists.push(list);
  }

  /** How many leading full prompt blocks have content that other requests share. */
  sharedBlocks(request: number): number {
    const { blockOffset } = this.columns;
    return blockOffset === null ? 0 : blockOffset[request + 1]! - blockOffset[request]!;
  }
}
