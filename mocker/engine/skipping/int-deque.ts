/** A queue of integers on a ring buffer: O(1) at both ends, O(n) in the middle. */
export class IntDeque {
  #ring = new Int32Array(16);
  #head = 0;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  at(index: number): number {
    return this.#ring[(this.#head + index) & (this.#ring.length - 1)]!;
  }

  pushBack(value: number): void {
    if (this.#length === this.#ring.length) this.#enlarge();
    this.#ring[(this.#head + this.#length++) & (this.#ring.length - 1)] = value;
  }

  pushFront(value: number): void {
    if (this.#length === this.#ring.length) this.#enlarge();
    this.#head = (this.#head - 1) & (this.#ring.length - 1);
    this.#ring[this.#head] = value;
    this.#length++;
  }

  insertAt(index: number, value: number): void {
    this.pushFront(value);
    const mask = this.#ring.length - 1;
    for (let i = 0; i < index; i++) this.#ring[(this.#head + i) & mask] = this.#ring[(this.#head + i + 1) & mask]!;
    this.#ring[(this.#head + index) & mask] = value;
  }

  removeAt(index: number): void {
    const mask = this.#ring.length - 1;
    for (let i = index; i > 0; i--) this.#ring[(this.#head + i) & mask] = this.#ring[(this.#head + i - 1) & mask]!;
    this.#head = (this.#head + 1) & mask;
    this.#length--;
  }

  indexOf(value: number): number {
    for (let i = 0; i < this.#length; i++) if (this.at(i) === value) return i;
    return -1;
  }

  #enlarge(): void {
    const larger = new Int32Array(this.#ring.length * 2);
    for (let i = 0; i < this.#length; i++) larger[i] = this.at(i);
    this.#ring = larger;
    this.#head = 0;
  }
}
