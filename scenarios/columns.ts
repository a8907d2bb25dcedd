/** Growable number columns in typed memory. Long ones grow by chunks, so that nothing is copied and little is spare. */

const FIRST_CHUNK = 1024;
/** Chunks of a million values: the system takes memory of that size back when it is free. */
const CHUNK_BITS = 20;
const CHUNK_MASK = (1 << CHUNK_BITS) - 1;

export class IntColumn {
  length = 0;
  readonly #chunks: Int32Array[] = [];
  #last: Int32Array = new Int32Array(FIRST_CHUNK);
  /** Values in `#last`. */
  #used = 0;

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
  toArray(): Int32Array {
    const whole = new Int32Array(this.length);
    for (const [i, chunk] of this.#chunks.entries()) whole.set(chunk, i << CHUNK_BITS);
    whole.set(this.#last.subarray(0, this.#used), this.#chunks.length << CHUNK_BITS);
    return whole;
  }

  #grow(): void {
    if (this.#used > CHUNK_MASK) {
      this.#chunks.push(this.#last);
      this.#last = new Int32Array(CHUNK_MASK + 1);
      this.#used = 0;
      return;
    }
    const larger = new Int32Array(this.#used * 2);
    larger.set(this.#last);
    this.#last = larger;
  }
}

export class FloatColumn {
  length = 0;
  readonly #chunks: Float64Array[] = [];
  #last: Float64Array = new Float64Array(FIRST_CHUNK);
  /** Values in `#last`. */
  #used = 0;

  push(value: number): void {
    if (this.#used === this.#last.length) this.#grow();
    this.#last[this.#used++] = value;
    this.length++;
  }

  at(index: number): number {
    return (this.#chunks[index >>> CHUNK_BITS] ?? this.#last)[index & CHUNK_MASK]!;
  }

  /** A copy of what was pushed, of exact length. */
  toArray(): Float64Array {
    const whole = new Float64Array(this.length);
    for (const [i, chunk] of this.#chunks.entries()) whole.set(chunk, i << CHUNK_BITS);
    whole.set(this.#last.subarray(0, this.#used), this.#chunks.length << CHUNK_BITS);
    return whole;
  }

  #grow(): void {
    if (this.#used > CHUNK_MASK) {
      this.#chunks.push(this.#last);
      this.#last = new Float64Array(CHUNK_MASK + 1);
      this.#used = 0;
      return;
    }
    const larger = new Float64Array(this.#used * 2);
    larger.set(this.#last);
    this.#last = larger;
  }
}
