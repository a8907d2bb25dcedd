import type { ForwardPassRecord } from "#mocker/protocol";

const COLUMNS = [
  "dpRank",
  "at",
  "durationMs",
  "prefillMs",
  "scheduledPrefillTokens",
  "decodeBatch",
  "decodeKvTokens",
  "running",
  "waiting",
  "queuedPrefillTokens",
  "usedBlocks",
] as const satisfies readonly (keyof ForwardPassRecord)[];
const FIRST_CAPACITY = 64;

/** The last passes of a worker, in one typed array that grows to its limit; adding one allocates nothing then. */
export class PassRing {
  readonly #limit: number;
  #rows = new Float64Array(FIRST_CAPACITY * COLUMNS.length);
  #capacity = FIRST_CAPACITY;
  #lastSeq = 0;

  constructor(limit: number) {
    this.#limit = Math.max(FIRST_CAPACITY, limit);
  }

  /** Number of the last pass; the first is 1. */
  get lastSeq(): number {
    return this.#lastSeq;
  }

  push(record: Omit<ForwardPassRecord, "seq">): void {
    if (this.#lastSeq === this.#capacity && this.#capacity < this.#limit) this.#grow();
    let at = (this.#lastSeq++ % this.#capacity) * COLUMNS.length;
    for (const column of COLUMNS) this.#rows[at++] = record[column];
  }

  /** Passes after the one numbered `seq`, oldest first, as JSON lines; what has fallen out is missing. */
  linesSince(seq: number): string {
    let lines = "";
    const first = Math.max(seq + 1, this.#lastSeq - this.#capacity + 1, 1);
    for (let number = first; number <= this.#lastSeq; number++) {
      let at = ((number - 1) % this.#capacity) * COLUMNS.length;
      lines += `{"seq":${number}`;
      for (const column of COLUMNS) lines += `,"${column}":${this.#rows[at++]}`;
      lines += "}\n";
    }
    return lines;
  }

  /** Only before the ring goes round, so that rows keep their places. */
  #grow(): void {
    this.#capacity = Math.min(this.#limit, this.#capacity * 2);
    const rows = new Float64Array(this.#capacity * COLUMNS.length);
    rows.set(this.#rows);
    this.#rows = rows;
  }
}
