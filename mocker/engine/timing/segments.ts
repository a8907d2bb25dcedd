/**
 * A knot vector that remembers where it was asked last: the loads of successive passes lie next to each other, so the
 * search is nearly always a comparison. Finds the segment [knots[i], knots[i+1]] of a value; values outside belong to the
 * end segments.
 */
export class Segments {
  readonly knots: Float64Array;
  private last = 0;

  /** @param ascending strictly ascending, at least one */
  constructor(ascending: ArrayLike<number>) {
    this.knots = Float64Array.from(ascending);
  }

  /** Index of the segment's lower knot; 0 where there is a single knot. */
  find(value: number): number {
    const { knots } = this;
    const top = knots.length - 2;
    if (top <= 0) return 0;
    let i = this.last;
    if (value < knots[i]! && i > 0) {
      i = this.search(value, 0, i - 1);
    } else if (value >= knots[i + 1]! && i < top) {
      i = value < knots[i + 2]! ? i + 1 : this.search(value, i + 1, top);
    }
    this.last = i;
    return i;
  }

  private search(value: number, from: number, to: number): number {
    const { knots } = this;
    let low = from;
    let high = to;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (knots[middle]! <= value) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** Whether the value lies outside the knots. */
  beyond(value: number): boolean {
    const { knots } = this;
    return value < knots[0]! || value > knots[knots.length - 1]!;
  }
}
