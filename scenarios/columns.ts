/** Growable number columns: typed memory, amortised appends. */
export class IntColumn {
  length = 0;
  #data = new Int32Array(1024);

  push(value: number): void {
    if (this.length === this.#data.length) {
      const grown = new Int32Array(this.length * 2);
      grown.set(this.#data);
      this.#data = grown;
    }
    this.#data[this.length++] = value;
  }

  at(index: number): number {
    return this.#data[index]!;
  }

  set(index: number, value: number): void {
    this.#data[index] = value;
  }

  /** A copy of what was pushed, of exact length. */
  toArray(): Int32Array {
    return this.#data.slice(0, this.length);
  }
}

export class FloatColumn {
  length = 0;
  #data = new Float64Array(1024);

  push(value: number): void {
    if (this.length === this.#data.length) {
      const grown = new Float64Array(this.length * 2);
      grown.set(this.#data);
      this.#data = grown;
    }
    this.#data[this.length++] = value;
  }

  at(index: number): number {
    return this.#data[index]!;
  }

  /** A copy of what was pushed, of exact length. */
  toArray(): Float64Array {
    return this.#data.slice(0, this.length);
  }
}
