const NO_RING = new Int32Array(0);
const FIRST_LENGTH = 16;

/** A queue of integers on a ring buffer, made with the first of them: O(1) at both ends, O(n) in the middle. */
export class IntDeque {
  #ring: Int32Array = NO_RING;
  /** Length of the ring, a power of 2, less 1. */
  #mask = -1;
  #head = 0;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  at(index: number): number {
    return this.#ring[(this.#head + index) & this.#mask]!;
  }

  pushBack(value: number): void {
    if (this.#length > this.#mask) this.#enlarge();
    this.#ring[(this.#head + this.#length++) & this.#mask] = value;
  }

  pushFront(value: number): void {
    if (this.#length > this.#mask) this.#enlarge();
    this.#head = (this.#head - 1) & this.#mask;
    this.#ring[this.#head] = value;
    this.#length++;
  }

  insertAt(index: number, value: number): void {
    this.pushFront(value);
    const mask = this.#mask;
    for (let i = 0; i < index; i++) this.#ring[(this.#head + i) & mask] = this.#ring[(this.#head + i + 1) & mask]!;
    this.#ring[(this.#head + index) & mask] = value;
  }

  removeAt(index: number): void {
    const mask = this.#mask;
    for (let i = index; i > 0; i--) this.#ring[(this.#head + i) & mask] = this.#ring[(this.#head + i - 1) & mask]!;
    this.#head = (this.#head + 1) & mask;
    this.#length--;
  }

  indexOf(value: number): number {
    for (let i = 0; i < this.#length; i++) if (this.at(i) === value) return i;
    return -1;
  }

  #enlarge(): void {
    const larger = new Int32Array(Math.max(FIRST_LENGTH, this.#ring.length * 2));
    for (let i = 0; i < this.#length; i++) larger[i] = this.at(i);
    this.#ring = larger;
    this.#mask = larger.length - 1;
    this.#head = 0;
  }
}
