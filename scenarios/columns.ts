const FIRST_CHUNK = 1024;
/** Chunks of a million values: the system takes memory of that size back when it is free. */
const CHUNK_BITS = 20;
const CHUNK_MASK = (1 << CHUNK_BITS) - 1;

/** A growable number column in typed memory. Long ones grow by chunks, so that nothing is copied and little is spare. */
class Column<Values extends Int32Array | Float64Array> {
  length = 0;
  readonly #make: (length: number) => Values;
  readonly #chunks: Values[] = [];
  #last: Values;
  /** Values in `#last`. */
  #used = 0;

  constructor(make: (length: number) => Values) {
    this.#make = make;
    this.#last = make(FIRST_CHUNK);
  }

  push(value: number): void {
    if (this.#used === this.#last.length) this.#grow();
    this.#last[this.#used++] = value;
    this.length++;
  }

  at(index: number): number {
    return (this.#chunks[index >>> CHUNK_BITS] ?? this.#last)[index & CHUNK_MASK]!;
  }

  set(index: number, value: number): void {
    (this.#chunks[index >>> CHUNK_BITS] ?? this.#last)[index & CHUNK_MASK] = value;
  }

  /** A copy of what was pushed, of exact length. */
  toArray(): Values {
    const whole = this.#make(this.length);
    for (const [i, chunk] of this.#chunks.entries()) whole.set(chunk, i << CHUNK_BITS);
    whole.set(this.#last.subarray(0, this.#used), this.#chunks.length << CHUNK_BITS);
    return whole;
  }

  #grow(): void {
    if (this.#used > CHUNK_MASK) {
      this.#chunks.push(this.#last);
      this.#last = this.#make(CHUNK_MASK + 1);
      this.#used = 0;
      return;
    }
    const larger = this.#make(this.#used * 2);
    larger.set(this.#last);
    this.#last = larger;
  }
}

export class IntColumn extends Column<Int32Array> {
  constructor() {
    super((length) => new Int32Array(length));
  }
}

export class FloatColumn extends Column<Float64Array> {
  constructor() {
    super((length) => new Float64Array(length));
  }
}
