/** Numbers for pairs of 32-bit integers, from 0 in the order of their appearance: open addressing, nothing on the heap for a pair. */
export class PairNumbers {
  size = 0;
  #first = new Int32Array(1024);
  #second = new Int32Array(1024);
  /** Number + 1; 0 where the slot is empty. */
  #number = new Int32Array(1024);

  /** The number of a pair, a new one where it has none. */
  of(first: number, second: number): number {
    const mask = this.#number.length - 1;
    let slot = hash(first, second) & mask;
    for (let number = this.#number[slot]!; number !== 0; number = this.#number[slot]!) {
      if (this.#first[slot] === first && this.#second[slot] === second) return number - 1;
      slot = (slot + 1) & mask;
    }
    this.#put(slot, first, second, ++this.size);
    if (this.size * 2 > mask) this.#enlarge();
    return this.size - 1;
  }

  #put(slot: number, first: number, second: number, number: number): void {
    this.#first[slot] = first;
    this.#second[slot] = second;
    this.#number[slot] = number;
  }

  #enlarge(): void {
    const { length } = this.#number;
    const [firsts, seconds, numbers] = [this.#first, this.#second, this.#number];
    this.#first = new Int32Array(length * 2);
    this.#second = new Int32Array(length * 2);
    this.#number = new Int32Array(length * 2);
    const mask = length * 2 - 1;
    for (let i = 0; i < length; i++) {
      if (numbers[i] === 0) continue;
      let slot = hash(firsts[i]!, seconds[i]!) & mask;
      while (this.#number[slot] !== 0) slot = (slot + 1) & mask;
      this.#put(slot, firsts[i]!, seconds[i]!, numbers[i]!);
    }
  }
}

function hash(first: number, second: number): number {
  let mixed = Math.imul(first, 0x9e3779b1) ^ Math.imul(second, 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x2c1b3c6d);
  return mixed ^ (mixed >>> 13);
}
