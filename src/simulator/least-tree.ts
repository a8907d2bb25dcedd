/**
 * Which of many has least, kept as their numbers change: a tournament, so that a change costs the logarithm of their count and the
 * question nothing. Of equals it is the first.
 */
export class LeastTree {
  #values: Float64Array = new Float64Array(0);
  /** Winners: of the whole at 1, of its halves at 2 and 3 …; the contestants themselves from `#leaves` on; −1 for none. */
  #winners = new Int32Array(2).fill(-1);
  #leaves = 1;

  /** Index of the least of the first `count` values, −1 of none. */
  get least(): number {
    return this.#winners[1]!;
  }

  /** Begins anew with the first `count` of `values`, which are read again whenever one is said to have changed. */
  rebuild(values: Float64Array, count: number): void {
    this.#values = values;
    let leaves = 1;
    while (leaves < count) leaves *= 2;
    if (leaves !== this.#leaves) this.#winners = new Int32Array(2 * leaves);
    this.#leaves = leaves;
    for (let i = 0; i < leaves; i++) this.#winners[leaves + i] = i < count ? i : -1;
    for (let node = leaves - 1; node >= 1; node--) this.#play(node);
  }

  changed(index: number): void {
    for (let node = (this.#leaves + index) >> 1; node >= 1; node >>= 1) this.#play(node);
  }

  #play(node: number): void {
    const left = this.#winners[2 * node]!;
    const right = this.#winners[2 * node + 1]!;
    this.#winners[node] = right < 0 || (left >= 0 && this.#values[left]! <= this.#values[right]!) ? left : right;
  }
}
